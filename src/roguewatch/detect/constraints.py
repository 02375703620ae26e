"""Prohibitions and limits, read from what a person, a system prompt or a task says.

Only explicit ones, and only in forms whose meaning is plain: "do not push", "without
committing", "read-only", "only touch src/", "don't change the tests", "ask before
deploying". A condition that is not about permission ("don't push until the tests pass")
makes a sentence undecidable, and it is left alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec

from roguewatch.detect.acts import may_speak_of
from roguewatch.detect.deeds import words
from roguewatch.detect.frames import canonical
from roguewatch.detect.scanning import Scanner, Screen
from roguewatch.detect.wishes import LAYERED

Form = Literal[
    "act", "read-only", "only-paths", "not-paths", "only-read", "not-read", "command", "tool", "budget"
]  # fmt: skip

MAX_MESSAGE = 32_768
MAX_SENTENCE = 300
"""Characters of a sentence that are looked at."""


class Constraint(msgspec.Struct, frozen=True):
    """One prohibition or limit."""

    form: Form
    sentence: str
    """As it was written, at most 300 characters."""
    act: str = ""
    """Name of the forbidden act, for the form `act`."""
    paths: tuple[str, ...] = ()
    """Paths or words, for the path forms, lower case; for an act, the branch it is about; for a
    command its program and first words, for a tool the object, for a budget the amount."""
    ask: bool = False
    """Allowed once a person agreed."""
    on_request: bool = False
    """Allowed where the user asks for it ("never commit unless the user asks")."""
    until: str = ""
    """Kind of check that has to pass first: tests, build, lint or types."""


_NO = (
    r"(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|may not|can't|cannot|"
    r"not (?:allowed|permitted|supposed|authori[sz]ed) to|are forbidden to|prohibited from|avoid|"
    r"refrain from|without|under no circumstances(?: should you| may you| must you)?|hold off (?:on|with)|"
    r"wait with|(?:you )?(?:are|'re) not to|i (?:do not|don't) want you to|no)"
)
_HEAD = re.compile(rf"\b{_NO}\s+(?:(?:ever|please|yet|just|actually|you|under any circumstances|to|"
                   r"try to|attempt to|directly|automatically)\s+){0,3}")  # fmt: skip
_ANY = Scanner(
    r"(?i)do not|don.?t|never|must ?n|should ?n|may not|can.?t|cannot|not allowed|not permitted|"
    r"avoid|refrain|without|read[- ]only|\bonly\b|stay (?:in|with)|keep .{0,40}(?:inside|within| in )|leave|limit|restrict|no (?:\w+ )?"
    r"(?:network|changes|edits|internet|commits?|push|install|new)|untouched|off[- ]limits|"
    r"(?:ask|check|confirm|approv|permission)\w* .{0,40}before|before .{0,60}(?:ask|confirm|approv)|"
    r"offline|hands off|forbidden|prohibited|not supposed|not authori|hold off|wait with|not to\b|stay away|"
    r"keep away|steer clear|under no circ|add(?:ing)? no |out of bounds|nothing (?:outside|except|but|other)|everything (?:except|but|outside|other)|"
    r"\bno\b|nothing|myself|my job|something only|rather|prefer|exclusively|solely|confin|stick to|"
    r"frozen|locked|treat |suggest|diagnos|analysis|tests are|make do|standard library|by me\b|prior to|"
    r"sign-?off|go-?ahead|\bok\b|until|\btill\b|unless|forbid|\bn(?:icht|ichts|iemals|ur)\b|\bkein|\bpas\b|"
    r"\brien\b|jamais|\bnada\b|\bnunca\b|niente|uniquement|seulement|\bs[oó]lo\b|únicamente|不要|别|禁止|不得|"
    r"请勿|只|仅|wait for|need to|stay off|dry[- ]run|at most|more than|up to|budget|intact|have to|any ?thing (?:except|but)|\bany file|all files|must only"
)
_PERMISSION = re.compile(
    r"\b(?:unless|until|without|before|if)\b.{0,40}\b(?:i|me|my|ask\w*|approv\w*|permission|confirm\w*|"
    r"consent|told|say|tell|explicit\w*|instructed|user|requests?|go-?ahead|sign-?off)\b"
)
_CONDITION = re.compile(
    r"\b(?:unless|until|if|when|while|except|before|after|once|because|without)\b"
)
_READ_ONLY = re.compile(
    r"\b(?:this is (?:a |an )?|strictly |stay(?:ing)? |remain |keep (?:it|this|everything) |work |"
    r"mode ?:? ?|you (?:have|are|must be|only have) (?:only |strictly )?)read[- ]only\b|"
    r"\bread[- ]only (?:mode|task|session|access|analysis|review|investigation|audit|please|research|"
    r"exploration)\b|^\W*read[- ]only\W*$|(?:^|[.,;:!(-] ?)\W{0,3}(?:please )?(?:make |making )?no "
    r"(?:code |file )?(?:changes|edits|modifications)\b(?! (?:are|were|to the|in the|needed|found|"
    r"have|required|detected|since))|\b(?:only|just) (?:read|look|analy[sz]e|investigate|review|"
    r"explain|report)\b.{0,40}\b(?:no|don't|do not|not) (?:edit|change|modify|touch|fix|write)|"
    r"^\W*(?:please |you (?:may|can|should) )?only (?:read|look|inspect|analy[sz]e|observe|report)\b(?!.{0,120}"
    r"\b(?:then|afterwards|and (?:fix|change|implement|write|update|edit|add|create|make|apply))\b)"
)
_CHANGE = r"(?:touch|chang|modif|edit|alter|updat|rewrit|writ|overwrit|mak)(?:e|es|y|ing|ying)?"
_NOTHING = re.compile(
    rf"^{_CHANGE}(?: to| in| into)?(?: (?:any|anything|the|to|of|other|existing|source|actual|my|our|"
    r"these|this|new|more|in|code|files?|changes?|edits?|disk|project|repo(?:sitory)?|codebase|"
    r"modifications?))*\W*$"
)
_NO_CHANGES = re.compile(
    rf"^(?!mak){_CHANGE} (?:any(?:thing)?\b(?! (?:other|else|outside|in|under))|(?:any )?(?:code |file )?"
    r"(?:changes|edits|modifications)\b(?! (?:to|in|outside|under)))|^mak(?:e|ing) (?:any )?(?:code |file )?"
    r"(?:changes|edits|modifications)\b(?! (?:to|in|outside|under))"
)
_INDIRECT = re.compile(r"\b(?:directly|manually|by hand|yourself|unnecessar\w*|unrelated|twice)\b")
_TAIL = re.compile(
    r"^(?:\W*$|\W*(?:or|and|,|/)|(?: (?:any(?:thing)?|the|your|my|our|these|this|code|changes?|commits?|"
    r"it|them|yet|now|for|at|all|branch(?:es)?|to|remote|origin|github|upstream|repo\w*|production|prod|"
    r"automatically|directly|yourself|on|own|still|today|here|with|tests?|git|files?|data|migrations?|"
    r"suite|either|live|thanks|please|ok|service|box|machine|system|project|software|globally|otherwise|"
    r"system-wide|locally|thing)\b)*\W*(?:$|or\b|and\b|,|/))"
)
_BRANCH = re.compile(r"^ (?:directly |straight |any \w+ |changes )?(?:to|into|on) (?:the )?[`'\"]?"
                     r"(main|master|develop|trunk|prod|production|release)\b")  # fmt: skip
_TELLS_OF = re.compile(r"\b(?:it|they|he|she|which|that|this|skill|tool|command|script|mode|flow|hook|we|"
                       r"i|users?)[^\w,.;:()-]+$")  # fmt: skip
"""Who is told of: "it does not push". In "fix it, don't push" the comma ends what is told."""
_ABLE = re.compile(
    r"(?<!\byou )\b(?:can|may|could|might|(?:is|are|was|were|be) (?:able|allowed|permitted|free) to)\b"
    r"(?! you\b) [^,.;:]{2,80}$"
)
"""What somebody is able to do "without …": told of them, and no limit; "you may … without" is one."""
_OUTSIDE = re.compile(r"\b(?:outside(?: of)?|beyond|other than|except(?: for)?|anywhere but)\b")
_OBJECT = re.compile(
    rf"^(?:(?:delet|remov|renam|mov)(?:e|ing) (?:or|and) )?{_CHANGE}(?:(?:,| or| and)+ \w+)*"
    r"(?: to| in| into)? (.{2,160})"
)
_LOOK = r"(?:read|open|access|look|view|inspect|print|peek|cat)(?:ing)?\b"
_SIGHT = re.compile(
    rf"^(?:{_LOOK}(?:,| or| and)+ )*{_LOOK}(?: (?:at|in|into|inside|from|to|of|the|any|contents?))* (.{{2,160}})"
)
_PROVISO = re.compile(
    r"(?:until|unless|before|without) (?:all |the |every |any |our |a |an |full |whole |complete |unit |running |"
    r"successful |passing |green |clean )*(?:tests?|(?:test )?suite|build|compilation|lint\w*|type ?checks?|mypy|"
    r"ruff|eslint|pytest)\b(?:[^.;]{0,24}\b(?:pass\w*|green|succeed\w*|success\w*|clean|ok|works?|runs?|done)\b|\W*$)"
)
"""What has to be shown first: "until all tests pass", "without a green build"."""
_PROVED = {
    "tests": re.compile(r"\b(?:tests?|suite|pytest)\b"),
    "build": re.compile(r"\b(?:build|compil\w+)\b"),
    "types": re.compile(r"\b(?:type ?checks?|mypy)\b"),
    "lint": re.compile(r"\b(?:lint|ruff|eslint)"),
}
_ONLY = re.compile(
    rf"\bonly (?:ever |allowed to |permitted to |supposed to )?(?:{_CHANGE}|work (?:on|in|inside|within)|create|add)(?: to| in| into| files in"
    r"| files under| files inside| code in| changes (?:in|to|under))? (.{2,160})|"
    r"\b(?:stay|keep|remain|work)(?:ing)? (?:strictly |only )?(?:(?:your|all|the) (?:changes|edits|"
    r"work|modifications) )?(?:strictly |only )?(?:inside|within|in) (?:of )?(.{2,120})|"
    r"\b(?:limit|restrict|confine) (?:your |all |the )?(?:changes|edits|yourself|work|scope|"
    r"modifications)? ?to (.{2,120})|"
    r"\bnothing (?:outside(?: of)?|except|but|other than|beyond) (.{2,80}?) (?:may|must|should|can|is to) be "
    r"(?:changed|modified|edited|touched|altered|written)\b|\beverything (?:except|but|outside(?: of)?|other than) "
    r"(.{2,80}?) is (?:strictly )?(?:off[- ]limits|out of bounds|forbidden|read[- ]only)|"
    r"\b(?:changes|edits|modifications) (?:are )?only (?:in|to|inside|under|within|allowed in) (.{2,120})"
)
_ALONE = re.compile(
    r"\b(?:leave|keep) (.{2,80}?) (?:alone|untouched|unchanged|as (?:is|it is|they are))\b|"
    r"^\W*(.{2,80}?) (?:is|are) (?:strictly )?(?:off[- ]limits|out of bounds|(?:forbidden|prohibited|not allowed|"
    r"not permitted)\W*$)|\bhands off (.{2,80})|\b(?:stay|keep|steer) (?:away from|clear of|out of) (.{2,60})|"
    r"^\W*(?:the |any |all )?(.{2,60}?) (?:must|should|may|can) (?:not|never) be (?:changed|modified|edited|"
    r"touched|altered)\b"
)
_ASK = re.compile(
    r"\b(?:ask|check with|confirm with|consult|get (?:my |explicit )?(?:approval|permission|"
    r"confirmation|consent|sign-?off)|request (?:approval|permission)|wait for (?:my )?(?:approval|"
    r"confirmation|ok|go-?ahead)|seek approval)(?: (?:me|us|the user|a human|first|for approval|from me|"
    r"permission|from the user))* before (?:you )?(.{3,120})|"
    r"^\W*(?:please )?before (?:you )?(.{3,60}?),? (?:please )?(?:always )?(?:ask|check with|confirm with|consult|"
    r"get (?:my )?(?:approval|permission)|let me know)\b|\b(?:need|requires?) (?:my |explicit |prior |human )*"
    r"(?:approval|permission|consent|sign-?off|confirmation) (?:before|to|for) (?:you (?:can )?)?(.{3,120})|"
    r"\balways (?:ask|confirm) (?:me |the user )?(?:first )?(?:before )(.{3,120})"
)
_PATH = re.compile(r"`([^`\n]{1,120})`|\"([^\"\n]{1,120})\"|'([^'\n]{1,120})'|"
                   r"((?:~|\.{1,2})?/?[\w.@*-]+(?:/[\w.@*-]+)+/?|(?<![\w.])/[a-z][\w.-]{1,60}|(?<!\S)\.[a-z][\w-]{1,20}\b|[\w-]+/(?=[\s,.;)]|$)|"
                   r"\*?\.?[\w-]*\.[a-z]{1,6}\b|"
                   r"\b(?:docker|make|gem|proc|jenkins|rake|just|vagrant)file\b)")  # fmt: skip
_PLACE = re.compile(
    r"^(?:any of |all |any |the |existing |my |our |your )*(?:existing |other )?([a-z][\w-]{2,24})"
    r"(?: (?:files?|folders?|director(?:y|ies)|dirs?|code|suites?|configs?|configuration|modules?|"
    r"packages?|cases))?\W*$"
)
_PLACES = frozenset(
    ["tests", "test", "spec", "specs", "migrations", "schema", "docs", "config", "ci", "vendor",
     "fixtures", "snapshots", "workflows", "generated", "lockfile", "production", "infra",
     "terraform", "scripts", "examples", "node_modules", "dist"]
)  # fmt: skip
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_END = re.compile(r"[.!?;\n](?:(?<=\n)|(?=\s))")
_CLAUSES = re.compile(r"(?<=,)(?= (?:but|and|so) )")
_NETLESS = re.compile(
    r"\b(?:no (?:network|internet|outbound|external)(?: access| requests?| calls?| connections?)?|"
    r"(?:stay|work|run|remain) offline|keep (?:it|this|everything|things|yourself) offline|offline only)\b(?! is| was| issues?| errors?)"
)
_NO_NEW = re.compile(
    r"\b(?:no (?:new |additional |extra |external |further |more |third[- ]party )+|add(?:ing)? no (?:new |extra )?|"
    r"introduc(?:e|ing) no (?:new )?)(?:dependenc(?:y|ies)|packages?|libraries|modules)\b"
    r"(?! (?:since|were|are|have|found|needed|required|was|is))"
)
_STATES = re.compile(
    r"\b(?:have|has|had|are|were|is|was|with|needs?|adds?|introduces?|see|found)\W+$"
)
_LISTING = (
    r"(?:(?:must not|mustn't|may not|should not|shouldn't|cannot|can't|do not|don't|never|not allowed "
    r"to|forbidden to)(?: ever)?(?: do)?(?: any(?:thing)? of)?(?: the following| these| this)?|(?:following|these)"
    r"(?: \w+){0,3} (?:is|are) (?:strictly )?(?:forbidden|prohibited|not allowed|off[- ]limits|not permitted)|"
    r"(?:forbidden|prohibited|not allowed|off[- ]limits|don'?t'?s|do nots)(?: actions| operations| things)?)[^\w\n]{0,4}:"
)
_MAY_LIST = Scanner(_LISTING.replace(r"\w+", r"[\w\x80-\x{10FFFF}]+"))
_LIST = re.compile(
    rf"(?m)^[^\n]{{0,60}}?{_LISTING}"
    r"[^\w\n]{0,4}(?:\n(?P<items>(?:[ \t]*\n)?(?:[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+[^\n]*(?:\n|\Z)){1,24})|"
    r"(?P<inline>[^\n.]{3,200}))"
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+")
_WISH = re.compile(r"\bi (?:do not|don't) want you to\b")
_REPORTED = re.compile(
    r"\b(?:says?|said|states?|claims?|explains?|describes?|reads|mentions?|suggests?|why|whether|how) (?:that |to )?"
    r"[^,;:]{0,60}$"
)
_IF_BEFORE = re.compile(
    r"\b(?:if|when|whenever|while|in case) [^.;]{3,80}, *(?:then |please |you )?$"
)
_BUILDS = re.compile(
    r"\b(?:implement|add|support|fix|create|build|enable|test|make|write|introduce|offer|have|need)\w*\s+(?:an? |the )?$"
)
_QUESTION = re.compile(r"^(?!\W*(?:please|(?:can|could|would|will) you)\b).*\?\W*$", re.S)
_SPOKEN = re.compile(r"^\W*(?:i|we|they|he|she|it|users?|people|customers|this|that|there|which|who)\b"
                     r".{0,40}\b(?:do not|don't|never|can't|cannot|should not|shouldn't)\b")  # fmt: skip


def constraints(text: str) -> list[Constraint]:
    """The prohibitions and limits in one message. Linear; code blocks are left out."""
    return list(_constraints(text[:MAX_MESSAGE]))


# An agent's system prompt and context files are the same in every session.
@lru_cache(maxsize=128)
def _constraints(text: str) -> list[Constraint]:
    if not _ANY.found(text):
        return []
    if "```" in text:
        text = _FENCE.sub("\n", text)
    found = list(_listed(text))
    for raw in _telling(text):
        sentence = raw.strip()[:MAX_SENTENCE]
        if len(sentence) < 6 or sentence.startswith(">") or not _ANY.found(sentence):
            continue
        plain = sentence.lower().replace("’", "'").replace("**", "")
        for clause in _CLAUSES.split(plain):
            found += _read(sentence, clause.strip())
    return found[:64]


def _listed(text: str) -> Iterator[Constraint]:
    """What a list under a heading such as "You must not:" forbids, item by item."""
    plain = text.lower().replace("’", "'").replace("**", "")
    if not _MAY_LIST.found(plain):
        return
    for match in _LIST.finditer(plain):
        heading = match.group().split("\n")[0].split(":")[0].strip()[:120]
        items = match.group("items")
        if items:
            each = [_BULLET.sub("", line) for line in items.splitlines() if line.strip()]
        else:
            each = re.split(r",| or | and ", match.group("inline"))
        for item in each:
            item = item.strip(" .,;")[:MAX_SENTENCE]
            if item and not _HEAD.match(item):
                item = item.removeprefix("or ")
                yield from _in_sentence(f"{heading}: {item}"[:300], f"do not {item}")


def _telling(text: str) -> Iterator[str]:
    """The sentences that may hold what `_ANY` looks for, found in one pass over the text.

    One that matches by itself is touched by its match, or by one that began before it; only
    where it is cut short may a match come up that the whole text does not have.
    """
    spans = _ANY.spans(text)
    nothing = (len(text) + 1, len(text) + 1)
    begin, until = next(spans, nothing)
    for start, end in _sentences(text):
        while until <= start:
            begin, until = next(spans, nothing)
        if begin < end or end - start > MAX_SENTENCE:
            yield text[start:end]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each, without its line break."""
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        yield start, end - (text[end - 1] == "\n")
        start = end
    yield start, len(text)


# Versions of one text, and texts made from one template, share most of their sentences.
@lru_cache(maxsize=1024)
def _read(sentence: str, clause: str) -> tuple[Constraint, ...]:
    """The limits of one clause, in its own shape or in one that says the same."""
    if _QUESTION.match(clause) or _EXEMPT.search(clause):
        return ()
    found = _in_sentence(sentence, clause)
    known = {(one.form, one.act, one.paths) for one in found}
    for other in canonical(clause):
        again = _in_sentence(sentence, other)
        if other.startswith("ask before"):
            again = [msgspec.structs.replace(one, ask=True) for one in again]
        found += [one for one in again if (one.form, one.act, one.paths) not in known]
    return tuple(found)


_EXEMPT = re.compile(
    r"\b(?:never mind|no need to|(?:do not|don't) (?:need|have) to|(?:do not|don't) (?:hesitate|forget|worry|"
    r"panic|stop|just|be afraid)|not (?:only|just)\b)"
)
_COMMANDED = re.compile(
    r"^(?:run|use|execute|call|invoke|type|running|using|executing) (?:any |the )?(?:`([\w./-]+(?: [\w./:-]+){0,2})`|"
    r"([\w-]+ [\w-]+))(?:(?:,| or| and) (?:`([\w./-]+(?: [\w./:-]+){0,2})`|([\w-]+ [\w-]+)))?"
)
_VERBED = re.compile(
    r"^([a-z]+?)(?:ing)? (?:any |the |a |an |our |your |my |this |these |new |more )*([a-z][a-z -]{2,40}?)\W*$"
)
_OF_CODE = re.compile(
    r"\b(?:apis?|functions?|interfaces?|signatures?|behaviou?r|code|class(?:es)?|methods?|logic|style|"
    r"format\w*|variables?|types?|tests?|comments?|names?|semantics|imports?|modules?|endpoints?)\b"
)
_BUDGET = re.compile(
    r"\b(?:spend|spending|pay|budget|costs?|transfer|purchases?)\b[^.\d]{0,40}?(?:at most|(?:no |not )?more than|"
    r"up to|maximum(?: of)?|max|under|below|less than|exceed\w*|limit(?:ed)?(?: of| is| to)?|is|of)\W+"
    r"(?:eur|usd|gbp)?\W{0,2}(\d[\d,]*(?:\.\d+)?)"
)
_TOOLED = words(
    "issue approve grant book cancel refund change update modify create delete remove close open reset "
    "transfer send share invite order buy purchase unlock block assign export upload download publish "
    "archive escalate discount offer accept reject sign schedule reschedule edit move rename add"
)


def _by_name(sentence: str, rest: str, permission: bool) -> list[Constraint]:
    """A command or a tool's act that no list knows, by its own words."""
    commanded = _COMMANDED.match(rest)
    if commanded:
        named = [group for group in commanded.groups() if group]
        return [
            Constraint("command", sentence, paths=tuple(one.split()), ask=permission)
            for one in named
            if one.split()[0] in LAYERED or f"`{one}`" in rest
        ]
    verbed = _VERBED.match(rest)
    if verbed is None or _OF_CODE.search(verbed.group(2)):
        return []
    stemmed = next((v for v in (verbed.group(1), f"{verbed.group(1)}e") if v in _TOOLED), "")
    if not stemmed:
        return []
    return [Constraint("tool", sentence, stemmed, tuple(verbed.group(2).split()), ask=permission)]


def _in_sentence(sentence: str, plain: str) -> list[Constraint]:
    if _QUESTION.match(plain):
        return []
    permission = _PERMISSION.search(plain) is not None
    on_request = permission and re.search(r"\b(?:user|explicit\w*|requests?)\b", plain) is not None
    found: list[Constraint] = []
    if _SHAPED.may_match(plain):
        asked, found = _in_shape(sentence, plain, permission, on_request)
        if asked:
            return found
    if _SPOKEN.search(plain) and not _WISH.search(plain):
        return found
    for match in _HEAD.finditer(plain):
        found += _forbidden(sentence, plain, match, permission, on_request)
    return found


_SHAPED = Screen(
    one.pattern for one in (_ASK, _BUDGET, _READ_ONLY, _NETLESS, _NO_NEW, _ONLY, _ALONE)
)
"""Shapes that few sentences have, of which each takes long to look for."""


def _in_shape(
    sentence: str, plain: str, permission: bool, on_request: bool
) -> tuple[bool, list[Constraint]]:
    """What shapes of their own say, and whether that is all that the sentence does."""
    found: list[Constraint] = []
    asked = _ASK.search(plain)
    if asked:
        rest = next(group for group in asked.groups() if group)
        names = [act.name for act in may_speak_of(rest[:60]) if act.verbs.search(rest[:60])]
        found += [Constraint("act", sentence, name, ask=True) for name in names[:2]]
        if _NO_CHANGES.match(rest) or _NOTHING.match(rest):
            found.append(Constraint("read-only", sentence, ask=True))
        return True, found
    budget = _BUDGET.search(plain)
    if budget:
        amount = budget.group(1).replace(",", "")
        return True, [Constraint("budget", sentence, paths=(amount,), ask=permission)]
    reading = _READ_ONLY.search(plain)
    if reading and not _BUILDS.search(plain[: reading.start()]):
        found.append(Constraint("read-only", sentence, ask=permission, on_request=on_request))
    if _NETLESS.search(plain) and not _CONDITION.search(plain):
        found.append(Constraint("act", sentence, "network", ask=permission))
    new = _NO_NEW.search(plain)
    if new and not _STATES.search(plain[: new.start()]):
        found.append(Constraint("act", sentence, "add dependencies", ask=permission))
    limit = _ONLY.search(plain)
    if limit and not plain.startswith(("if ", "when ")):
        paths = _paths(next(group for group in limit.groups() if group))
        if paths:
            found.append(Constraint("only-paths", sentence, paths=paths))
    alone = _ALONE.search(plain)
    if alone and not _OUTSIDE.search(alone.group()):
        what = next(group for group in alone.groups() if group)
        paths = _paths(what)
        if paths:
            found.append(Constraint("not-paths", sentence, paths=paths, ask=permission))
        found += [Constraint("act", sentence, name, ask=permission) for name in _left_alone(what)]
    return False, found


def _left_alone(what: str) -> list[str]:
    """Names of the acts that "leave X alone" and "X is off limits" forbid."""
    what = what.strip(" .,;:!")
    phrases = (what, f"touch {what}")
    return [
        act.name
        for phrase in phrases
        for act in may_speak_of(phrase)
        if act.verbs.fullmatch(phrase)
    ]


def _forbidden(
    sentence: str, plain: str, match: re.Match[str], permission: bool, on_request: bool
) -> list[Constraint]:
    bare = match.group().startswith(("without", "no "))
    before = plain[: match.start()]
    if (
        _REPORTED.search(before)
        or _IF_BEFORE.search(before)
        or (not bare and _TELLS_OF.search(before))
        or (match.group().startswith("without") and _ABLE.search(before))
    ):
        return []
    rest = plain[match.end() :]
    if match.group().startswith(("wait", "hold")):
        rest = rest.removeprefix("the ").removeprefix("any ")
    outside = _OUTSIDE.search(rest)
    if outside and (limits := re.match(rf"{_CHANGE}|({_LOOK})", rest)):
        paths = _paths(rest[outside.end() :].strip())
        form: Form = "only-read" if limits.group(1) else "only-paths"
        return [Constraint(form, sentence, paths=paths, ask=permission)] if paths else []
    condition = _CONDITION.search(rest)
    until = ""
    if condition and not permission:
        proviso = _PROVISO.match(rest, condition.start())
        if proviso is None:
            return []
        until = next(kind for kind, said in _PROVED.items() if said.search(proviso.group()))
    if condition:
        rest = rest[: condition.start()]
    rest = re.split(r"[;:(]|, (?:but|instead|just|so|as)\b| but | instead| - | so that", rest)[
        0
    ].strip()
    if match.group().startswith(("without", "no ")) and not rest:
        return []
    if match.group().startswith("without") and re.match(
        r"(?:ask|my|explicit|permission|appro|first)", rest
    ):
        # "don't push without asking": the act stands before.
        return []
    if _INDIRECT.search(rest) and re.match(_CHANGE, rest):
        return []
    if _NO_CHANGES.match(rest) or _NOTHING.match(rest):
        return [Constraint("read-only", sentence, ask=permission, on_request=on_request)]
    sight = _SIGHT.match(rest)
    if sight and (paths := _paths(sight.group(1))):
        return [Constraint("not-read", sentence, paths=paths, ask=permission)]
    place = _OBJECT.match(rest)
    found = []
    if place and (paths := _paths(place.group(1))):
        found.append(Constraint("not-paths", sentence, paths=paths, ask=permission))
        if paths != ("production",):
            return found
    for act in may_speak_of(rest[:90]):
        said = act.verbs.search(rest[:90])
        if said is None:
            continue
        lead = rest[: said.start()]
        if lead and not re.fullmatch(
            r"(?:[\w-]+(?: [\w-]+)?(?:,| or| and|/) ?){1,4}(?:or |and )?", lead
        ):
            continue
        third_person = said.group().split()[0].endswith("es") and not match.group().startswith(
            "no "
        )
        branch = _BRANCH.match(rest[said.end() :])
        if third_person or not (branch or _TAIL.match(rest[said.end() :])):
            continue
        target = (branch.group(1),) if branch else ()
        found.append(Constraint("act", sentence, act.name, target, permission, on_request, until))
        if act.name == "force-push":
            break
    return found or _by_name(sentence, rest, permission)


def _paths(text: str) -> tuple[str, ...]:
    """Paths, file names and known places that a phrase names; empty where it names none."""
    found = []
    for groups in _PATH.findall(text):
        path = next(group for group in groups if group).strip()
        if re.fullmatch(r"[\w.@*/~-]{2,120}", path) and not path.replace(".", "").isdigit():
            found.append(posixpath.normpath(path.rstrip("/.") or path).lower().removeprefix("./"))
    if found:
        return tuple(found[:12])
    first = re.split(r"[,.;(]| or | and | to (?:make|get|let)\b| so that ", text)[0].strip()
    place = _PLACE.match(first)
    if place and place.group(1) in _PLACES:
        return (place.group(1),)
    return ()
