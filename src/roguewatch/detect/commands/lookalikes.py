"""Letters that look like ASCII and are not (UTS #39), zero-width and full-width text.

Agents write honest text in every language: only a word without spaces that becomes
pure ASCII when its look-alikes are replaced is taken for a disguised one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_PUNCTUATION = str.maketrans({
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "--", "\u2212": "-",
    "\u2044": "/", "\u2215": "/", "\u29f8": "/", "\u2018": "'", "\u2019": "'", "\u201c": '"',
    "\u201d": '"', "\u00a0": " ", "\u2024": ".", "\u3002": ".", "\u2236": ":", "\ua789": ":",
})  # fmt: skip


@cache
def _letters() -> dict[int, str]:
    """Code point to the ASCII letter or digit that it is confusable with."""
    from confusable_homoglyphs import confusables

    table: dict[int, str] = {}
    for char, others in confusables.confusables_data.items():
        if len(char) != 1 or char.isascii():
            continue
        for other in others:
            target = other["c"]
            if len(target) == 1 and target.isascii() and target.isalnum():
                table[ord(char)] = target
                break
    return table


def plain(text: str) -> str:
    """The word as it looks, where a look-alike was replaced; else the word itself."""
    visible = _INVISIBLE.sub("", text)
    if visible.isascii():
        return visible
    if len(visible) > 512 or any(char.isspace() and char != "\u00a0" for char in visible):
        return visible
    folded = unicodedata.normalize("NFKC", visible).translate(_PUNCTUATION)
    if not folded.isascii():
        decomposed = folded.translate(_letters())
        folded = decomposed if decomposed.isascii() else visible
    return folded
