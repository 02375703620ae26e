"""What kind of act a tool name, a command or a sentence speaks of.

A deed is a class of effect on the world: `pay`, `send`, `create`, … Tool names and
English sentences use the same few verbs for it, so that "Make a reservation for the
Riverside" and `reserve_hotel(...)` can be recognised as one act without knowing either.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Deed = Literal["pay", "send", "create", "update", "delete", "execute", "visit", "admit", "other"]
"""Classes of effect. `visit` reads, but tells the visited server that it was read;
`admit` gives somebody access (invite, share, grant); `other` is a verb that is not known,
to be recognised by its own words."""

_VERBS: dict[Deed, str] = {
    "pay": "pay transfer wire remit donate buy purchase order refund deposit withdraw payment "
    "transaction invoice reimburse checkout subscribe",
    "send": "send email mail forward message messages dm reply respond notify text post publish "
    "tweet upload submit report comment announce broadcast write ping contact inform tell remind "
    "relay say ask",
    "create": "create add make schedule book reserve reservation register append insert open "
    "generate plan put set setup save store booking rent write post place enter arrange upload "
    "sign organize organise copy duplicate event events reminder appointment appointments record",
    "update": "update change modify edit rename move reschedule reset replace enable disable "
    "adjust correct fix set put alter switch turn mark edit append write configure overwrite "
    "increase decrease revise amend moved merge lock unlock hide",
    "delete": "delete remove erase cancel drop clear revoke wipe unsubscribe kick ban purge "
    "destroy discard empty uninstall terminate close archive",
    "execute": "run execute install download eval exec call invoke launch start deploy build "
    "clone import source apply trigger test",
    "visit": "visit open browse navigate fetch go click follow load access webpage website "
    "websites websites url link links page site article browse read check crawl scrape",
    "admit": "invite share grant authorize authorise add admit allow give collaborator access "
    "permission permissions assign approve onboard participants participant include",
}


def words(text: str) -> frozenset[str]:
    """A set of words from a line of them."""
    return frozenset(text.split())


SIDE_EFFECTS: frozenset[Deed] = frozenset(
    {"pay", "send", "create", "update", "delete", "execute", "admit"}
)

_READING = words(
    "get list search read find show view check query lookup look describe count fetch retrieve "
    "grep glob ls cat browse recall inspect summarize summarise"
)
"""A tool whose first word is one of these observes, whatever nouns follow."""

_BY_WORD: dict[str, frozenset[Deed]] = {}
for _deed, _words in _VERBS.items():
    for _word in _words.split():
        _BY_WORD[_word] = _BY_WORD.get(_word, frozenset()) | {_deed}

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]{2,24}")

# Tool words that say what travels, where the verb alone is too general (send + money).
_PAID = words("money payment funds transaction invoice transfer fund bitcoin crypto")
_VISITED = words("webpage website url page browser web site link http")


@lru_cache(maxsize=4096)
def tool_words(tool: str) -> tuple[str, ...]:
    """The words of a tool's name: `mcp__mail__sendDirectMessage` is mail, send, direct, message."""
    return tuple(_WORD.findall(_CAMEL.sub(" ", tool[:200]).lower()))


def stem(word: str) -> str:
    """A crude English stem, enough to join `reserve` with `reservation`."""
    for ending in ("ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "ers", "er"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    else:
        if word.endswith("s") and len(word) > 4:
            word = word[:-1]
        if word.endswith("ed") and len(word) > 5:
            word = word[:-2]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _inflections(word: str) -> tuple[str, ...]:
    yield_ = [word]
    if word.endswith("ing") and len(word) > 5:
        yield_ += [word[:-3], word[:-3] + "e"]
    elif word.endswith("ed") and len(word) > 4:
        yield_ += [word[:-2], word[:-1]]
    elif word.endswith("es") and len(word) > 4:
        yield_ += [word[:-1], word[:-2]]
    elif word.endswith("s") and len(word) > 3:
        yield_.append(word[:-1])
    return tuple(yield_)


@lru_cache(maxsize=8192)
def word_deeds(word: str) -> frozenset[Deed]:
    """The deeds that one lower-case word may speak of, inflected or not."""
    for form in _inflections(word):
        if form in _BY_WORD:
            return _BY_WORD[form]
    return frozenset()


@lru_cache(maxsize=4096)
def tool_deeds(tool: str) -> frozenset[Deed]:
    """What a tool of this name does to the world; empty where it only observes."""
    named = tool_words(tool)
    if not named:
        return frozenset()
    found: set[Deed] = set()
    if any(word in _VISITED for word in named):
        found.add("visit")
    verbs = [word for word in named if word_deeds(word) or word in _READING]
    first = verbs[0] if verbs else ""
    if first in _READING:
        return frozenset(found & {"visit"})
    # What is run may be called anything: a report, an event, a note.
    acting = named if word_deeds(first) != {"execute"} else (first,)
    for word in acting:
        found |= word_deeds(word) - {"visit"} if word != first else word_deeds(word)
    if any(word in _PAID for word in named):
        found.add("pay")
        if first == "send":
            found.discard("send")
    return frozenset(found or {"other"})


def shares_words(tool: str, sentence: str) -> bool:
    """Whether a sentence uses a word of a tool's name, inflected or not."""
    stems = {stem(word) for word in tool_words(tool) if len(word) > 3}
    return any(stem(word) in stems for word in _WORD.findall(sentence[:4000].lower()))


def is_base(word: str) -> bool:
    """Whether a word is a verb as an order has it: `open`, and neither `opened` nor `opens`."""
    return word in _BY_WORD


def sentence_deeds(sentence: str) -> frozenset[Deed]:
    """Every deed that the words of a sentence speak of."""
    found: frozenset[Deed] = frozenset()
    for word in _WORD.findall(sentence[:4000].lower()):
        found |= word_deeds(word)
    return found


_ASKING = re.compile(
    r"(?:^|[.,;:!?\n(*-] {0,3}|(?<![\w.!?])[\"'] {0,3}|\d[.)] |\b(?:to|please|and|then|you|also|or|them|kindly|just|"
    r"let's|lets|should|must|me|first|next|finally|by|about|i'll|we'll|can|could|will|would|"
    r"not|don't|want|need|instead|after|before|without) )(?=([a-z]{2,20})\b)"
)


_TO_ME = re.compile(r"(?:tell|give|show|inform|remind|write|text) (?:me|us)\b")
"""Asks for an answer, which is no act on anybody else."""


def asked_deeds(text: str) -> frozenset[Deed]:
    """The deeds that a person's lower-case text asks for: words in a verb's position.

    "Give me their email addresses" asks for no `send`; "and email them" does.
    """
    found: frozenset[Deed] = frozenset()
    for match in _ASKING.finditer(text):
        if not _TO_ME.match(text, match.start(1)):
            found |= word_deeds(match.group(1))
    return found


_DELEGATES = re.compile(
    r"\b(?:do|complete|follow|perform|execute|handle|carry out|take care of|implement|apply|"
    r"process|pay|settle|fix|solve|address|work (?:on|through)|act on|resolve|run)\b"
    r"(?! the following)[^.\n:]{0,80}"
    r"\b(?:tasks?|to-?dos?|to-?do list|instructions?|actions?|steps?|requests?|items?|bills?|"
    r"issues?|tickets?|invoice|guide|plan|readme|checklist|"
    r"comments?|listed|specified|described|notices?|mentioned|prd|spec(?:ification)?)\b|"
    r"\b(?:do|follow|carry out|execute|perform|act on|handle|as)\b[^.\n]{0,24}\bwhat(?:ever)? "
    r"[^.\n]{1,80}\b(?:says?|said|asks?|asked|tells?|told|wants?|requests?|requested|needs?|instructs?|states?|"
    r"requires?|lists?|describes?|recommends?|suggests?|orders?)\b|\b(?:according to|as (?:described|specified|listed|instructed|outlined) in|accordingly|"
    r"based on the|per the|following the (?:instructions|steps|guide))\b|"
    r"\b(?:follow|comply with|act on|work through|go through|see to|attend to|deal with|take care of|"
    r"carry out|sort out|fulfil|obey)\b[^.\n:]{0,60}\b(?:reminders?|messages?|mails?|emails?|notes?|"
    r"lists?|agenda|orders?|runbook|manual|recipe|wishes|anything|everything|whatever)\b|"
    r"\b(?:implement|do|handle|address|take|close|complete|pick up|tackle|fix|resolve|solve|finish|start|ship|work on)\b "
    r"(?:[\w' ]{0,24} )?(?:[a-z]{2,10}-\d{1,6}|#\d{1,6}|(?:issue|ticket|task|story|bug|card|pr)s? #?\d{1,6})\b|"
    r"\bhelp \w+ (?:with|out)\b|\b(?:give|grant|send|do|get) (?:him|her|them|it|\w+) (?:what|whatever|"
    r"anything|everything)\b|\b(?:the way|as|like) (?:that |the |its |his |her |their )?(?:\w+ ){0,3}"
    r"(?:says?|describes?|tells?|asks?|asked|wants?|wanted|requests?|requested|suggests?|requires?|"
    r"recommends?)\b"
)


def delegates(text: str) -> bool:
    """Whether a person's lower-case text tells the agent to do what some other text says."""
    return _DELEGATES.search(text) is not None


def delegates_payment(text: str) -> bool:
    """Whether all that a person's text leaves to another text is what to pay."""
    return all(match.group().startswith(("pay", "settle")) for match in _DELEGATES.finditer(text))
