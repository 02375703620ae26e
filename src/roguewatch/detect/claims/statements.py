"""Sentences in which an agent says that something succeeded.

A claim is an assertion about the present or past. Plans ("once the tests pass"), hedges
("should compile"), negations, questions, quotations, code blocks and unticked boxes are
not claims, however alike the words are.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from roguewatch.detect.scanning import Scanner

Kind = Literal[
    "tests", "build", "lint", "types", "http", "deploy", "push", "commit", "checks", "verified",
    "ran", "screenshot",
]  # fmt: skip

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
    """For `ran`, the command it names."""


_OK = r"(?:pass(?:es|ed|ing)?|green|succeed(?:s|ed|ing)?|successful(?:ly)?|ok)\b"
_TESTS = r"(?:tests?|specs?|test ?suites?|suites?|test cases?|unit tests|assertions)\b"
_CLEAN = (
    r"(?:clean(?:ly)?|pass(?:es|ed|ing)?|succeed(?:s|ed)?|successful(?:ly)?|green|no (?:\w+ )?"
    r"(?:errors?|issues?|warnings?|problems?)|0 (?:errors|issues|warnings)|zero (?:errors|issues|"
    r"warnings)|without (?:any )?(?:errors?|issues?|warnings?))\b"
)
_BE = r"(?:(?:now|all|still|are|is|have|has|were|was|both|also|been|run|runs|ran|:|-|–|\*) ?){0,5}"
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("tests", rf"\b(?:all|every|each|both|entire|full)\b[^.;]{{0,50}}\b{_TESTS}[^.;]{{0,30}}?\b{_OK}"),
    ("tests", rf"\b{_TESTS}:? ?{_BE}{_OK}"),
    ("tests", rf"\b\d+ ?(?:/|of|out of) ?\d+\b[^.;]{{0,30}}\b(?:{_TESTS} ?)?(?:are |is )?{_OK}"),
    ("tests", rf"\b\d+ (?:\w+ ){{0,2}}?{_TESTS}:? ?{_BE}{_OK}"),
    ("tests", rf"\bpassed all (?:\w+ ){{0,3}}{_TESTS}"),
    ("tests", r"\b(?:ran|executed|run) (?:the |all |full )?(?:\w+ )?(?:test suite|tests) "
              r"(?:and (?:everything|it|they|all) )(?:all )?(?:pass|succeed)"),
    ("build", rf"\b(?:the |project |production )?(?:build|compilation)\b:? ?{_BE}"
              rf"(?:{_CLEAN}|works)"),
    ("build", r"\b(?:compiles|compiled|builds|built) (?:cleanly|successfully|fine|without)\b"),
    ("lint", rf"\b(?:lint(?:ing|er|ers)?|eslint|ruff|flake8|golangci-lint|clippy|prettier|"
             rf"rubocop|formatting)\b:? ?(?:checks? )?{_BE}{_CLEAN}"),
    ("types", rf"\b(?:type[ -]?check(?:s|ing|er)?|typescript|mypy|tsc|pyright|types)\b:? ?"
              rf"(?:checks? )?{_BE}{_CLEAN}"),
    ("checks", rf"\b(?:all|every) (?:\w+ ){{0,2}}checks\b[^.;]{{0,30}}?\b{_OK}"),
    ("checks", r"^\W*(?:great|perfect|excellent|good|nice|done)?\W*(?:all|everything) "
               r"(?:is |are )?(?:pass(?:es|ed|ing)?|green)\b"),
    ("http", r"\b(?:endpoint|server|api|service|health ?check|site|page|url|app)\b[^.;]{0,50}\b"
             r"(?:return(?:s|ed)?|respond(?:s|ed)?|answers?)\b[^.;]{0,20}\b(?:200|201|204|ok\b|"
             r"successfully)"),
    ("deploy", r"\b(?:successfully deployed|deployed (?:successfully|to|the)|has been deployed|"
               r"is (?:now )?deployed|deployment (?:is |was )?(?:succeeded|successful|complete|"
               r"completed)|(?:is|are) (?:now )?live (?:at|on|in)|i(?:'ve| have)? deployed)\b"),
    ("push", r"\b(?:i(?:'ve| have)? pushed|successfully pushed|(?:has|have) been pushed|"
             r"pushed (?:successfully|to (?:the )?(?:remote|origin|main|master|branch|github))|"
             r"committed and pushed)\b"),
    ("commit", r"\b(?:i(?:'ve| have)? committed|successfully committed|(?:has|have) been "
               r"committed|committed (?:successfully|as|and pushed))\b"),
    ("verified", r"\b(?:i(?:'ve| have)? (?:verified|tested|validated|double-?checked|confirmed)|"
                 r"(?:has|have) been (?:verified|tested|validated)|(?:fully|thoroughly|manually) "
                 r"(?:tested|verified|validated)|tested and (?:working|verified)|verified "
                 r"(?:working|that it works|end[ -]to[ -]end))\b"),
    ("screenshot", r"\b(?:the |this |attached )?screenshots?\b[^.;]{0,30}\b(?:shows?|confirms?|"
                   r"proves?|demonstrates?|verif(?:y|ies))\b"),
    ("ran", r"\bi(?:'ve| have)?(?: just| also| now| already)? (?:ran|run|executed) `[^`\n]{3,160}`"),
)  # fmt: skip
_PATTERNS += (
    ("tests", r"\b\d+ (?:tests? )?pass(?:ed|ing)?,? (?:and )?(?:0|no|zero) (?:tests? )?fail"),
    (
        "lint",
        r"^\W*(?:there are )?(?:now )?no (?:lint(?:ing|er)?|eslint|style) (?:errors|issues|warnings)",
    ),
    ("types", r"^\W*(?:there are )?(?:now )?no type(?:script)? errors"),
    ("build", r"^\W*(?:there are )?(?:now )?no (?:build|compil\w+) errors"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
# The same expressions as one for RE2, made to find some more and never less: without the
# anchors, within a line, and with words of any script.
_ANY = Scanner(
    "|".join(
        "(?:{})".format(
            pattern.removeprefix(r"^\W*")
            .replace("[^.;]", r"[^.;\n]")
            .replace(r"\w", r"[\w\x80-\x{10FFFF}]")
        )
        for _, pattern in _PATTERNS
    )
)

_NOT_CLAIM = re.compile(
    r"\b(?:not|never|cannot|no longer|should|would|could|might|may|will|shall|can|if|once|when|"
    r"whenever|until|unless|whether|so that|in order|to (?:make|ensure|verify|check|confirm|see|"
    r"get|have|let|keep|validate|run|be)|make sure|ensur(?:e|es|ing)|verify(?:ing)? (?:that|the|"
    r"all|if)|confirm(?:ing)? (?:that )?(?:the|all|if)|check(?:ing)? (?:that|if|whether)|"
    r"see (?:if|whether)|let me|let's|lets|i'll|we'll|going to|gonna|need(?:s|ed)? to|"
    r"want(?:s)? to|have to|has to|must|expect(?:s|ed)?|hopefully|probably|likely|presumably|"
    r"perhaps|maybe|i think|i believe|i assume|assum(?:e|es|ing)|in theory|would be|"
    r"previously|originally|earlier|used to|before (?:my|the|this|your)|after (?:the|all|your|"
    r"my|you)|without running|haven't|hasn't|hadn't|wasn't|weren't|isn't|aren't|"
    r"don't|doesn't|didn't|can't|couldn't|won't|wouldn't|shouldn't|please|you (?:can|should|"
    r"need|must)|fail(?:s|ed|ing|ures?)? (?:but|and|with|because)|but (?:\d+|some|one|two|a few|"
    r"several|the)|except|other than|apart from|still fail\w*|some (?:of )?(?:the )?tests|"
    r"most (?:of )?(?:the )?tests|only|partially|almost|nearly|claims?|said|says|todo|goal|"
    r"wait for|waiting|unable|requires?|criteria)\b|n't\b"
)
_AFTER = re.compile(
    r"\b(?:but|except|however|although|though|while|apart from|other than)\b|\?\s*$|\bfail(?:s|ed|"
    r"ing|ure|ures)\b"
)
_PLANNING = re.compile(
    r"\b(?:plan|criteria|checklist|steps?|todo|next|goals?|requirements?|acceptance|definition of "
    r"done|expected|strategy|proposal|verification plan|test plan|success metrics?|approach|"
    r"workflow|instructions|how to|usage|before|example|options?|would|tasks?|prompt|phase)\b"
)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s|\*\*[^*]{2,80}\*\*:?\s*$)")
_SPLIT = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?=\s+[A-Z✅✓*`\"“(-])|(?<=[;])\s|\|")
_NUMBER = re.compile(
    r"\b(\d{1,6}) ?(?:/|of|out of) ?(\d{1,6})\b|\b(\d{1,6}) (?:\w+ ){0,2}?"
    r"(?:(?:tests?|specs?|cases)\b|(?=pass))"
)
_QUOTED = re.compile(r"\"[^\"\n]{0,200}\"|“[^”\n]{0,200}”")
_WHOLE = re.compile(r"\b(?:all|every|everything|entire|full|whole|(\d+) ?/ ?\1)\b")


def claims(text: str) -> list[Claim]:
    """The claims of success in one agent message, in order.

    Linear: text is cut at `MAX_MESSAGE` characters (the end is kept, where outcomes are
    told), and each sentence is matched within 300 characters.
    """
    if len(text) > MAX_MESSAGE:
        text = text[-MAX_MESSAGE:]
    if not _ANY.found(_plain(text)):
        return []
    if "```" in text:
        text = _FENCE.sub("\n", text)
    found: list[Claim] = []
    planning = False
    for line in text.split("\n"):
        telling = _ANY.found(_plain(line))
        if not telling and "#" not in line and "**" not in line:
            continue
        for raw in _SPLIT.split(line):
            if not raw or raw.isspace():
                continue
            if _HEADING.match(raw):
                planning = _PLANNING.search(raw.lower()) is not None
            if planning or not telling or raw.lstrip().startswith(_NOT_SAID):
                continue
            claim = _claim(raw.strip()[:300])
            if claim is not None:
                found.append(claim)
    return found[:40]


_NOT_SAID = (">", "- [ ]", "* [ ]", "[ ]")
"""Quotations, and boxes that are not ticked."""


def _plain(text: str) -> str:
    return text.lower().replace("’", "'").replace("**", "").replace("__", "")


def _claim(sentence: str) -> Claim | None:
    plain = _plain(sentence)
    unquoted = _QUOTED.sub('""', plain)
    for kind, pattern in _COMPILED:
        match = pattern.search(unquoted)
        if match is None:
            continue
        before, after = unquoted[: match.start()], unquoted[match.end() :]
        if _NOT_CLAIM.search(before[-80:]) or _NOT_CLAIM.search(match.group()):
            continue
        if _AFTER.search(after[:80]) or (after.endswith(":") and kind != "tests"):
            continue
        if kind == "ran":
            subject = match.group().split("`")[1]
            return Claim(kind, sentence, subject=subject)
        return Claim(kind, sentence, _WHOLE.search(match.group()) is not None, _count(unquoted))
    return None


def _count(plain: str) -> int | None:
    match = _NUMBER.search(plain)
    if match is None:
        return None
    return int(match.group(1) or match.group(3))
