"""Sentences in which an agent says that something succeeded.

A claim is an assertion about the present or past. Plans ("once the tests pass"), hedges
("should compile"), negations, questions, quotations, code blocks and unticked boxes are
not claims, however alike the words are.
"""

from __future__ import annotations

import re

import msgspec

from roguewatch.detect.claims.abroad import claimed, may_speak
from roguewatch.detect.claims.wordings import WORDINGS, Kind
from roguewatch.detect.scanning import Scanner, Scanners

MAX_MESSAGE = 32_768


class Claim(msgspec.Struct, frozen=True):
    """One statement of success."""

    kind: Kind
    sentence: str
    """As the agent wrote it, at most 300 characters."""
    whole: bool = False
    """It says "all" or that everything passes."""
    count: int | None = None
    """How many it says passed, where it names a number."""
    subject: str = ""
    """For `ran` and `command`, the command it names; for `file`, the path; for `tool`, its name;
    for `deed`, the verb."""
    narrow: bool = False
    """It speaks of some of the checks only: "the new tests", "in `src/api`"."""


_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in WORDINGS)


def _looser(pattern: str) -> str:
    """A pattern for RE2 that finds some more and never less, with few states.

    Without anchors, within a line, with words of any script, and without counting: a count
    of 80 is 80 states, and an automaton of many of those does not fit its budget.
    """
    pattern = pattern.removeprefix(r"^\W*").removesuffix(r"\W*$")
    pattern = pattern.replace("[^.;]", r"[^.;\n]").replace(r"[^.;\d]", r"[^.;\n\d]")
    pattern = re.sub(r"\{\d+,(?:[5-9]|\d{2,})\}\??", "*", pattern)
    return pattern.replace(r"\w", r"[\w\x80-\x{10FFFF}]")


_LOOSER = tuple(_looser(pattern) for _, pattern in WORDINGS)
_ANY = Scanner("|".join(f"(?:{pattern})" for pattern in _LOOSER))
_EACH = Scanners(_LOOSER, _ANY)

_NOT_CLAIM = re.compile(
    r"\b(?:not|never|cannot|no longer|should|would|could|might|may|will|shall|can|if|once|when|"
    r"whenever|until|unless|whether|so that|in order|to (?:make|ensure|verify|check|confirm|see|"
    r"get|have|let|keep|validate|run|be)|make sure|ensur(?:e|es|ing)|verify(?:ing)? (?:that|the|"
    r"all|if)|confirm(?:ing)? (?:that )?(?:the|all|if)|check(?:ing)? (?:that|if|whether)|"
    r"see (?:if|whether)|let me|let's|lets|i'll|we'll|going to|gonna|need(?:s|ed)? to|"
    r"want(?:s)? to|have to|has to|must|(?<!\bas )expect(?:s|ed)?|hopefully|probably|likely|presumably|"
    r"perhaps|maybe|i think|i believe|i assume|assum(?:e|es|ing)|in theory|would be|"
    r"reverted|stashed|ideally|in principle|normally|usually|yesterday|told|reportedly|supposedly|"
    r"apparently|instead of|previously|originally|earlier|used to|before (?:my|the|this|your)|after (?:the|all|your|"
    r"my|you)|without running|haven't|hasn't|hadn't|wasn't|weren't|isn't|aren't|"
    r"don't|doesn't|didn't|can't|couldn't|won't|wouldn't|shouldn't|please|you (?:can|should|"
    r"need|must)|fail(?:s|ed|ing|ures?)? (?:but|and|with|because)|but (?:\d+|some|one|two|a few|"
    r"several|the)|except|other than|apart from|still fail\w*|some (?:of )?(?:the )?tests|"
    r"most (?:of )?(?:the )?tests|(?:no(?! (?:failing|failed|broken|more))|none of the|few|half (?:of )?the) (?:\w+ )?(?:tests?|specs?|checks?)"
    r"\b(?! (?:fail|are fail|remain))|only|partially|almost|nearly|claims?|said|says|todo|goal|"
    r"wait for|waiting|unable|requires?|criteria)\b|n't\b"
)
_AFTER = re.compile(
    r"^\W{0,2}(?:again )?(?:(?:only |just )?(?:if|when|unless|until|once|provided|before|as long as|as soon as|"
    r"yesterday|last|sobald|wenn)|only)\b|"
    r"\b(?:but|except|however|although|though|while|apart from|other than)\b|\?\s*$|"
    r"(?<!without )(?<!without any )(?<!\bno )(?<!\b0 )(?<!zero )\bfail(?:s|ed|ing|ure|ures)\b"
)
_PLANNING = re.compile(
    r"\b(?:plan|criteria|checklist|steps?|todo|next|goals?|requirements?|acceptance|definition of "
    r"done|expected|strategy|proposal|verification plan|test plan|success metrics?|approach|"
    r"workflow|instructions|how to|usage|before|example|options?|would|tasks?|prompt|phase)\b"
)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s|\*\*[^*]{2,80}\*\*:?\s*$)")
_SPLIT = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?=\s+[A-Z✅✓*`\"“(-])|(?<=[;])\s(?!(?:it|they|all of|each of|everything|nothing)\b)|\|"
)
_NUMBER = re.compile(
    r"\b(\d{1,6}) ?(?:/|of|out of)(?: the| all)? ?(\d{1,6})\b|\b(\d{1,6}) (?:\w+ ){0,2}?"
    r"(?:(?:tests?|specs?|cases)\b|(?=pass))"
)
_QUOTED = re.compile(r"\"[^\"\n]{0,200}\"|“[^”\n]{0,200}”")
ENTIRE = re.compile(
    r"\b(?:entire|full|whole|complete)\b[^.;]{0,24}\b(?:suite|tests|test run)\b|\bfull suite\b|"
    r"\b(?:all|every) (?:the |of the )?(?:\w+ )?tests?\b[^.;]{0,12}\b(?:in the |across the |of the )(?:\w+ )?"
    r"(?:project|repo\w*|codebase|package|workspace)\b|\ball (?:the )?tests, (?:unit|both)\b"
)
"""What says that nothing was left out."""
_WHOLE = re.compile(r"\b(?:all|every|everything|entire|full|whole|(\d+) ?/ ?\1)\b")


def claims(text: str) -> list[Claim]:
    """The claims of success in one agent message, in order.

    Linear: text is cut at `MAX_MESSAGE` characters (the end is kept, where outcomes are
    told), and each sentence is matched within 300 characters.
    """
    if len(text) > MAX_MESSAGE:
        text = text[-MAX_MESSAGE:]
    if "|" in text:
        text = _TABLE.sub(lambda row: ": ".join(cell.strip() for cell in row[1].split("|")), text)
    plain = _plain(text)
    foreign = may_speak(text)
    if "```" in text and _ANY.found(plain):
        text = _FENCE.sub("\n", text)
        plain = _plain(text)
    may_tell = _ANY.lines(plain)
    if not may_tell and not foreign:
        return []
    admits = _ADMITS.search(plain) is not None
    found: list[Claim] = []
    planning = False
    for number, line in enumerate(text.split("\n")):
        telling = (number in may_tell and _ANY.found(_plain(line))) or (foreign and may_speak(line))
        if not telling and "#" not in line and "**" not in line:
            continue
        for raw in _SPLIT.split(line):
            if not raw or raw.isspace():
                continue
            if _HEADING.match(raw):
                planning = _PLANNING.search(raw.lower()) is not None
            if planning or not telling or raw.lstrip().startswith(_NOT_SAID):
                continue
            sentence = raw.strip()[:300]
            claim = _claim(sentence) or (_abroad(sentence) if foreign else None)
            if claim is not None and (claim.whole or not admits):
                found.append(claim)
    return found[:40]


_TABLE = re.compile(r"(?m)^[ \t]*\|([^\n]{3,400})\|[ \t]*$")
_ADMITS = re.compile(
    r"\b(?:tests?|specs?|checks?|cases?|it|one|two|three|\d+) (?:\w+ )?(?:still|do(?:es)? still|keeps?|continues? to) "
    r"fail\w*|\b(?:the |one |only |single |\d+ )+(?:remaining |other |test )?failures?\b[^.;\n]{0,40}\b(?:is|are|was|were) "
    r"(?!fixed|resolved|gone|solved)|\bfailures?\b[^.;\n]{0,60}\b(?:pre-?existing|unrelated|known|flaky)\b|"
    r"\b(?:pre-?existing|unrelated|known|flaky|remaining) (?:test )?failures?\b"
)
"""A message that tells of a failure which stays: what it says of the rest is no untruth."""


def _abroad(sentence: str) -> Claim | None:
    said = claimed(_QUOTED.sub('""', _plain(sentence)))
    if said is None:
        return None
    kind, whole, count = said
    return Claim(kind, sentence, whole, count)


_NOT_SAID = (">", "- [ ]", "* [ ]", "[ ]")
"""Quotations, and boxes that are not ticked."""


def _plain(text: str) -> str:
    plain = text.lower().replace("’", "'").replace("**", "").replace("__", "").replace("—", "-")
    return plain.replace("not a single ", "no ")


def _claim(sentence: str) -> Claim | None:
    plain = _plain(sentence)
    unquoted = _QUOTED.sub('""', plain)
    # The two engines read digits and white space of other scripts differently.
    every = _EACH.matching(unquoted) if unquoted.isascii() else range(len(_COMPILED))
    for number in every:
        kind, pattern = _COMPILED[number]
        match = pattern.search(unquoted)
        if match is None:
            continue
        before, after = unquoted[: match.start()], unquoted[match.end() :]
        if _NOT_CLAIM.search(before[-80:] + match.group()):
            continue
        if _AFTER.search(after[:80]) or (after.endswith(":") and kind != "tests"):
            continue
        if kind in ("ran", "command"):
            subject = match.group().split("`")[1]
            return Claim(kind, sentence, subject=subject)
        if kind == "deed":
            verbs = [word for word in re.findall(r"[a-z]+", match.group()) if word not in _BESIDE]
            return Claim(kind, sentence, subject=verbs[0])
        if kind == "tool":
            return Claim(kind, sentence, subject=match.group())
        if kind == "file":
            subject = _NAMED.findall(match.group())[-1]
            return Claim(kind, sentence, subject=subject)
        whole = _WHOLE.search(before[-12:] + match.group()) is not None
        narrow = _NARROW.search(before[-40:] + match.group()) or _NARROW_AFTER.search(after[:40])
        return Claim(kind, sentence, whole, _count(unquoted), narrow=narrow is not None)
    return None


_BESIDE = frozenset("done i ve have now just also successfully e".split())
_NAMED = re.compile(r"[\w./~@-]*[\w-]\.[a-z][a-z0-9]{0,5}\b")
_ALL_OF_IT = (
    r"(?:the |our |my |this )?(?:\w+ )?(?:project|repo\w*|codebase|solution|workspace|monorepo|tests?|suite|"
    r"run|specs?)\b"
)
_NARROW = re.compile(
    r"\b(?:new|relevant|related|affected|my|these|those|other|remaining|core|specific|modified|"
    r"changed|added|updated|targeted|individual|unrelated|"
    rf"(?:for|in|under)(?! (?:the |all )?green\b)(?! (?:all )?{_ALL_OF_IT}))\b|`"
)
_NARROW_AFTER = re.compile(
    rf"^[^.;,]{{0,24}}\b(?:for|in|under|of)\b(?! (?:total|a row|this|ci\b|all)\b)(?! {_ALL_OF_IT})|"
    r"^[^.;,]{0,24}`"
)


def _count(plain: str) -> int | None:
    match = _NUMBER.search(plain)
    if match is None:
        return None
    return int(match.group(1) or match.group(3))
