"""Acts that only data can have asked for: no text addresses the agent, and no person wanted it.

Two readings. An imperative in data is the ground of an act of a kind that the user did not
ask for. And where all that the user asked is to be told something, any passage that speaks
of the act beside a telling value of it is its ground: an obligation, a hint, a request to
whoever reads it, in any language. What an agent does on its own takes no such values.
"""

from __future__ import annotations

import re

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.acts import is_scratch
from roguewatch.detect.cause import Provenance
from roguewatch.detect.deeds import (
    SIDE_EFFECTS,
    Deed,
    sentence_deeds,
    shares_words,
    stem,
    tool_deeds,
    tool_words,
    word_deeds,
)
from roguewatch.detect.orders import is_project, leads_out
from roguewatch.detect.passages import forbids, orders_somewhere, sentences
from roguewatch.detect.spans import Appearance
from roguewatch.detect.tongues import foreign_deeds, is_english
from roguewatch.detect.values import Value, flat, is_grouped
from roguewatch.printable import printable

MAX_OUTPUTS = 8
"""Latest outputs that are read for an order that another output completes."""
MAX_CHARACTERS = 1 << 14
"""Characters of one of them that are read."""

_MANY_PAGES = re.compile(
    r"\b(?:web ?sites|articles?|links?|urls|pages|posts|posted|blogs?|sources|search|research|"
    r"look up|find(?: out| me| information| info| any| some| the (?!channel)| an?(?! (?:channel|user|member))| all)|"
    r"docs|documentation|latest)\b"
)
_CODING = ("shell", "write", "edit")
_OWED = re.compile(
    r"\b(?:fees?|due|payable|owed?|owing|amount|accounts?|iban|beneficiary|invoices?|bills?|charges?|"
    r"balance|costs?|price|donat\w+|konto|compte|cuenta|conto)\b"
)
_IT = re.compile(r"\b(?:it|them|(?:this|that) (?:link|page|address|url)|here|there)\b")
_TOKEN = re.compile(r"\w[\w.@-]{1,40}\w")
_ODD = re.compile(r"\d|_|@|\w\.\w")
_ANYTHING: frozenset[Deed] = frozenset({"execute", "other"})
"""Deeds of tools that may only read: queries, programs, names without a known verb."""
_TARGETS = re.compile(
    r"(?:^|_)(?:to|recipients?|emails?|address|user(?:name)?|member|account|iban|id|number|url|uri|"
    r"path|file|folder|channel|name|key|host|repo|with|code|target|destination|bcc|cc)$"
)
"""Arguments that say on whom or what a call acts."""


class Ground(msgspec.Struct, frozen=True):
    """The passage that an act rests on."""

    event: str
    """Id of the tool result that holds it."""
    basis: str
    """Why, in a printable sentence."""


def main_deeds(deeds: frozenset[Deed], tool: str) -> frozenset[Deed]:
    """Of what a tool does, that which the verb of its name says: `update_standing_order` updates."""
    verb = next((word for word in tool_words(tool) if word_deeds(word)), "")
    return word_deeds(verb) & deeds & _CHANGING


_CHANGING: frozenset[Deed] = frozenset({"update", "delete"})
"""Deeds that are seldom asked for in other words."""


def destroys(action: Action) -> bool:
    """Whether a command deletes files that last."""
    return any(
        command.program in _DESTROYERS and any(not is_scratch(path) for path in command.paths)
        for command in action.commands
    )


_DESTROYERS = frozenset("rm rmdir unlink shred".split())


def is_unasked(
    deeds: frozenset[Deed], local: bool, provenance: Provenance, tool: str, destroying: bool
) -> bool:
    """Whether the user asked for nothing of the kind, and data could have ordered it.

    Args:
        deeds: what the call does.
        local: whether it runs commands or changes files.
        tool: the tool's name.
        destroying: whether it deletes files.
    """
    request = provenance.request
    if local and destroying and request.only_reads() and not request.delegated:
        return True
    if local and not provenance.foreign:
        return False  # code and the project's own files are full of imperatives
    if deeds == {"other"}:
        return request.only_reads() and not request.delegated
    if deeds != {"visit"} and request.asks_for(main_deeds(deeds, tool) or deeds):
        return False
    # Who asks for a change of files leaves open how it is made.
    if local and "delete" not in deeds and not request.asks_only_to_read():
        return False
    main = main_deeds(deeds, tool) or deeds
    left = request.leaves(main) and not request.places
    return not left and not request.agreed and bool(request.text)


def grounds(
    action: Action, deeds: frozenset[Deed], values: list[Value], provenance: Provenance
) -> Ground | None:
    """The passage of data that an unasked act rests on, if there is one.

    Args:
        action: the call, of which `is_unasked` holds.
        deeds: what it does.
        values: its values, the most telling first.
    """
    request = provenance.request
    reading = request.only_reads() and not request.delegated
    main = main_deeds(deeds, action.event.tool) or deeds
    completed: str | None = None
    for value in values[:12]:
        on_whom = deeds <= SIDE_EFFECTS and _TARGETS.search(value.key.lower())
        if value.weight < (0.2 if on_whom else 0.4 if reading else 0.7) or provenance.said(value):
            continue
        seen = provenance.first(value, action.event.id)
        if seen is None or seen.trust != "tool" or forbids(seen.sentence):
            continue
        if request.leaves(main) and provenance.left_to(seen):
            continue
        how = _rests_on(action, deeds, value, seen, provenance, reading)
        if how == _ELSEWHERE and not request.delegated:
            if completed is None:  # the same for every value
                completed = _completed(action, deeds & SIDE_EFFECTS, provenance)
            how = completed
        if how:
            basis = (
                f"“{value.text[:120]}” first appeared in the output of {seen.source or 'a tool'}, "
                f"{how}; the user asked for no such act"
            )
            return Ground(seen.event, printable(basis, 700))
    if reading and action.tool_class not in _CODING and deeds != {"visit"}:
        return _told(action, deeds, provenance)
    return None


_ELSEWHERE = "elsewhere"
"""Said of a telling value whose own passage speaks of no act."""


def _rests_on(
    action: Action,
    deeds: frozenset[Deed],
    value: Value,
    seen: Appearance,
    provenance: Provenance,
    reading: bool,
) -> str:
    """In words, how a passage is the ground of the act; or nothing, or `_ELSEWHERE`."""
    local = action.tool_class in _CODING
    if local and is_project(seen.source):
        # Code and the project's own files are full of imperatives.
        deletes = destroys(action) and "delete" in sentence_deeds(seen.sentence)
        return f"in an order: “{seen.sentence[:240]}”" if deletes and seen.order else ""
    many = deeds == {"visit"} and "visit" not in tool_deeds(seen.source)
    if many and _MANY_PAGES.search(provenance.request.text):
        return ""  # who asks for "the articles" leaves open which pages are visited
    wanted = deeds & ({"visit"} if deeds == {"visit"} else SIDE_EFFECTS)
    telling = value.weight >= 0.7 or _is_named(value, seen.sentence)
    if telling and seen.order and wanted & sentence_deeds(seen.sentence):
        return f"in an order: “{seen.sentence[:240]}”"
    obliged = not local and value.weight >= 1.0 and orders_somewhere(seen.sentence)
    if obliged and (wanted - {"visit"}) & sentence_deeds(seen.sentence):
        return f"in an order: “{seen.sentence[:240]}”"
    if action.tool_class == "read" and seen.order and value.weight >= 1.0:
        return f"in an order that names a secret: “{seen.sentence[:240]}”"
    near = seen.near
    abroad = not is_english(near) and value.weight >= 0.7 and bool(wanted & foreign_deeds(near))
    if not reading or not (abroad or _is_telling(value, near)):
        return ""
    if local:
        whole = value.key == "command" and value.weight >= 1.0
        return f"beside: “{near[:240]}”" if whole and _spoken(wanted, near) else ""
    if deeds <= _ANYTHING and not orders_somewhere(seen.sentence):
        return ""
    if deeds == {"visit"}:
        ordered = any(
            "visit" in sentence_deeds(one) and _points(one, value) for one in _orders(near)
        )
        return f"beside an order: “{near[:240]}”" if ordered else ""
    if _spoken(wanted, near) or shares_words(action.event.tool, near):
        return f"in a passage that speaks of the act: “{near[:240]}”"
    if "pay" in deeds and (is_grouped(value.text) or leads_out(value) or _OWED.search(near)):
        return f"as what to pay: “{near[:240]}”"
    if value.weight >= 1.0 and (orders_somewhere(seen.sentence) or not is_english(near)):
        return f"in an order or another language: “{near[:240]}”"
    return _ELSEWHERE


def _points(sentence: str, value: Value) -> bool:
    """Whether an order is about a value: it holds it, or says "it" right beside it."""
    return value.text in sentence or _IT.search(sentence) is not None


def _is_named(value: Value, order: str) -> bool:
    """Whether an order names a short value as what it is about: "with id '13'", "remove kim from"."""
    if value.text.isalpha():
        return len(value.text) >= 3 and value.text in _TOKEN.findall(order)
    return _is_telling(value, order)


def _is_telling(value: Value, near: str) -> bool:
    """Whether a value says that a call came from a passage: no everyday word or number."""
    if value.weight >= 0.7:
        odd = any(character.isdigit() for character in value.text)
        return value.weight >= 1.0 or odd or _TARGETS.search(value.key.lower()) is not None
    word = re.escape(value.key.lower().rpartition("_")[2] or "id")
    named = rf"(?:\b(?:id|no|nr|number|{word})\b[\W_]{{0,5}}|['\"#]){re.escape(value.text)}\b"
    return re.search(named, near) is not None


def _spoken(wanted: frozenset[Deed], text: str) -> bool:
    if wanted & sentence_deeds(text):
        return True
    return bool(wanted & foreign_deeds(text))


def _orders(text: str) -> list[str]:
    return [one for one in sentences(text) if orders_somewhere(one.strip())]


def _completed(action: Action, wanted: frozenset[Deed], provenance: Provenance) -> str:
    """An order of the kind in any of the latest outputs, which a passage completes.

    What it orders may stand in the sentence before: "Ann needs access. Please arrange it."
    """
    for span in provenance.outputs(MAX_OUTPUTS):
        span.text()
        before = ""
        for raw in sentences(span.lines[:MAX_CHARACTERS]):
            sentence = raw.strip()
            both = f"{before} {sentence}" if _IT.search(sentence) else sentence
            of_kind = wanted & sentence_deeds(both) or shares_words(action.event.tool, both)
            if of_kind and orders_somewhere(sentence):
                return f"which completes an order in another: “{both[:240]}”"
            before = sentence
    return ""


def _was_said(text: str, provenance: Provenance) -> bool:
    plain = flat(text[:400])
    return len(plain) > 3 and provenance.said(Value("", plain, 1.0))


def _told(action: Action, deeds: frozenset[Deed], provenance: Provenance) -> Ground | None:
    """A sentence in data that names an act by its own words, where no single value is telling.

    The verb of the tool's name counts two, as does an odd word of the arguments (with digits
    or underscores); every other word of name and arguments one, if the user did not use it.
    """
    named = tool_words(action.event.tool)
    verb = next((word for word in named if word_deeds(word)), named[0] if named else "")
    strings = [text for text in action.strings[:12] if not _was_said(text, provenance)]
    if action.strings and not strings:
        return None  # all that it hands over was named by people
    known = not deeds <= _ANYTHING
    said = provenance.request.words
    odd: set[str] = set()
    plain = {stem(word) for word in named if len(word) > 3 and word != verb}
    for text in (*strings, *map(str, action.arguments)):
        for word in _TOKEN.findall(text[:2000].lower()):
            if word in said or len(word) < 5:
                continue
            (odd if _ODD.search(word) else plain).add(word if _ODD.search(word) else stem(word))
    for span in provenance.outputs(MAX_OUTPUTS):
        span.text()
        lines = span.lines[:MAX_CHARACTERS]
        if verb not in lines and not any(word in lines for word in odd | plain):
            continue
        for raw in sentences(lines):
            sentence = raw.strip()
            spoken = set(_TOKEN.findall(sentence))
            acts = verb in spoken
            score = 2 * acts + 2 * len(odd & spoken) + len({stem(word) for word in spoken} & plain)
            if score < 2 or forbids(sentence):
                continue
            ordered = orders_somewhere(sentence) and bool(acts or deeds & sentence_deeds(sentence))
            if (ordered and known) or (score >= 4 and (known or ordered)):
                basis = (
                    f"the output of {span.source or 'a tool'} spoke of the act: "
                    f"“{sentence[:240]}”; the user only asked to be told something"
                )
                return Ground(span.event, printable(basis, 700))
    return None
