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
from roguewatch.detect.frames import canonical
from roguewatch.detect.shapes import (
    ABLE,
    ALONE,
    ANY,
    ASK,
    BRANCH,
    BUDGET,
    BUILDS,
    BULLET,
    CHANGE,
    CLAUSES,
    COMMANDED,
    CONDITION,
    END,
    EXEMPT,
    FENCE,
    HEAD,
    IF_BEFORE,
    INDIRECT,
    LIST,
    LOOK,
    MAY_LIST,
    NETLESS,
    NO_CHANGES,
    NO_NEW,
    NOTHING,
    OBJECT,
    OF_CODE,
    ONLY,
    OUTSIDE,
    PATH,
    PERMISSION,
    PLACE,
    PLACES,
    PROVED,
    PROVISO,
    QUESTION,
    READ_ONLY,
    REPORTED,
    SHAPED,
    SIGHT,
    SPOKEN,
    STATES,
    TAIL,
    TELLS_OF,
    TOOLED,
    VERBED,
    WISH,
)
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


def constraints(text: str) -> list[Constraint]:
    """The prohibitions and limits in one message. Linear; code blocks are left out."""
    return list(_constraints(text[:MAX_MESSAGE]))


# An agent's system prompt and context files are the same in every session.
@lru_cache(maxsize=128)
def _constraints(text: str) -> list[Constraint]:
    if not ANY.found(text):
        return []
    if "```" in text:
        text = FENCE.sub("\n", text)
    found = list(_listed(text))
    for raw in _telling(text):
        sentence = raw.strip()[:MAX_SENTENCE]
        if len(sentence) < 6 or sentence.startswith(">") or not ANY.found(sentence):
            continue
        plain = sentence.lower().replace("’", "'").replace("**", "")
        for clause in CLAUSES.split(plain):
            found += _read(sentence, clause.strip())
    return found[:64]


def _listed(text: str) -> Iterator[Constraint]:
    """What a list under a heading such as "You must not:" forbids, item by item."""
    plain = text.lower().replace("’", "'").replace("**", "")
    if not MAY_LIST.found(plain):
        return
    for match in LIST.finditer(plain):
        heading = match.group().split("\n")[0].split(":")[0].strip()[:120]
        items = match.group("items")
        if items:
            each = [BULLET.sub("", line) for line in items.splitlines() if line.strip()]
        else:
            each = re.split(r",| or | and ", match.group("inline"))
        for item in each:
            item = item.strip(" .,;")[:MAX_SENTENCE]
            if item and not HEAD.match(item):
                item = item.removeprefix("or ")
                yield from _in_sentence(f"{heading}: {item}"[:300], f"do not {item}")


def _telling(text: str) -> Iterator[str]:
    """The sentences that may hold what `ANY` looks for, found in one pass over the text.

    One that matches by itself is touched by its match, or by one that began before it; only
    where it is cut short may a match come up that the whole text does not have.
    """
    spans = ANY.spans(text)
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
    for match in END.finditer(text):
        end = match.end()
        yield start, end - (text[end - 1] == "\n")
        start = end
    yield start, len(text)


# Versions of one text, and texts made from one template, share most of their sentences.
@lru_cache(maxsize=1024)
def _read(sentence: str, clause: str) -> tuple[Constraint, ...]:
    """The limits of one clause, in its own shape or in one that says the same."""
    if QUESTION.match(clause) or EXEMPT.search(clause):
        return ()
    found = _in_sentence(sentence, clause)
    known = {(one.form, one.act, one.paths) for one in found}
    for other in canonical(clause):
        again = _in_sentence(sentence, other)
        if other.startswith("ask before"):
            again = [msgspec.structs.replace(one, ask=True) for one in again]
        found += [one for one in again if (one.form, one.act, one.paths) not in known]
    return tuple(found)


def _by_name(sentence: str, rest: str, permission: bool) -> list[Constraint]:
    """A command or a tool's act that no list knows, by its own words."""
    commanded = COMMANDED.match(rest)
    if commanded:
        named = [group for group in commanded.groups() if group]
        return [
            Constraint("command", sentence, paths=tuple(one.split()), ask=permission)
            for one in named
            if one.split()[0] in LAYERED or f"`{one}`" in rest
        ]
    verbed = VERBED.match(rest)
    if verbed is None or OF_CODE.search(verbed.group(2)):
        return []
    stemmed = next((v for v in (verbed.group(1), f"{verbed.group(1)}e") if v in TOOLED), "")
    if not stemmed:
        return []
    return [Constraint("tool", sentence, stemmed, tuple(verbed.group(2).split()), ask=permission)]


def _in_sentence(sentence: str, plain: str) -> list[Constraint]:
    if QUESTION.match(plain):
        return []
    permission = PERMISSION.search(plain) is not None
    on_request = permission and re.search(r"\b(?:user|explicit\w*|requests?)\b", plain) is not None
    found: list[Constraint] = []
    if SHAPED.may_match(plain):
        asked, found = _in_shape(sentence, plain, permission, on_request)
        if asked:
            return found
    if SPOKEN.search(plain) and not WISH.search(plain):
        return found
    for match in HEAD.finditer(plain):
        found += _forbidden(sentence, plain, match, permission, on_request)
    return found


def _in_shape(
    sentence: str, plain: str, permission: bool, on_request: bool
) -> tuple[bool, list[Constraint]]:
    """What shapes of their own say, and whether that is all that the sentence does."""
    found: list[Constraint] = []
    asked = ASK.search(plain)
    if asked:
        rest = next(group for group in asked.groups() if group)
        names = [act.name for act in may_speak_of(rest[:60]) if act.verbs.search(rest[:60])]
        found += [Constraint("act", sentence, name, ask=True) for name in names[:2]]
        if NO_CHANGES.match(rest) or NOTHING.match(rest):
            found.append(Constraint("read-only", sentence, ask=True))
        return True, found
    budget = BUDGET.search(plain)
    if budget:
        amount = budget.group(1).replace(",", "")
        return True, [Constraint("budget", sentence, paths=(amount,), ask=permission)]
    reading = READ_ONLY.search(plain)
    if reading and not BUILDS.search(plain[: reading.start()]):
        found.append(Constraint("read-only", sentence, ask=permission, on_request=on_request))
    if NETLESS.search(plain) and not CONDITION.search(plain):
        found.append(Constraint("act", sentence, "network", ask=permission))
    new = NO_NEW.search(plain)
    if new and not STATES.search(plain[: new.start()]):
        found.append(Constraint("act", sentence, "add dependencies", ask=permission))
    limit = ONLY.search(plain)
    if limit and not plain.startswith(("if ", "when ")):
        paths = _paths(next(group for group in limit.groups() if group))
        if paths:
            found.append(Constraint("only-paths", sentence, paths=paths))
    alone = ALONE.search(plain)
    if alone and not OUTSIDE.search(alone.group()):
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
        REPORTED.search(before)
        or IF_BEFORE.search(before)
        or (not bare and TELLS_OF.search(before))
        or (match.group().startswith("without") and ABLE.search(before))
    ):
        return []
    rest = plain[match.end() :]
    if match.group().startswith(("wait", "hold")):
        rest = rest.removeprefix("the ").removeprefix("any ")
    outside = OUTSIDE.search(rest)
    if outside and (limits := re.match(rf"{CHANGE}|({LOOK})", rest)):
        paths = _paths(rest[outside.end() :].strip())
        form: Form = "only-read" if limits.group(1) else "only-paths"
        return [Constraint(form, sentence, paths=paths, ask=permission)] if paths else []
    unless = _unless(rest, permission)
    if unless is None:
        return []
    rest, until = unless
    if match.group().startswith(("without", "no ")) and not rest:
        return []
    if match.group().startswith("without") and re.match(
        r"(?:ask|my|explicit|permission|appro|first)", rest
    ):
        # "don't push without asking": the act stands before.
        return []
    if INDIRECT.search(rest) and re.match(CHANGE, rest):
        return []
    if NO_CHANGES.match(rest) or NOTHING.match(rest):
        return [Constraint("read-only", sentence, ask=permission, on_request=on_request)]
    sight = SIGHT.match(rest)
    if sight and (paths := _paths(sight.group(1))):
        return [Constraint("not-read", sentence, paths=paths, ask=permission)]
    place = OBJECT.match(rest)
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
        branch = BRANCH.match(rest[said.end() :])
        if third_person or not (branch or TAIL.match(rest[said.end() :])):
            continue
        target = (branch.group(1),) if branch else ()
        found.append(Constraint("act", sentence, act.name, target, permission, on_request, until))
        if act.name == "force-push":
            break
    return found or _by_name(sentence, rest, permission)


def _unless(rest: str, permission: bool) -> tuple[str, str] | None:
    """What is forbidden, without its condition, and the check that lifts it; None if undecidable."""
    condition = CONDITION.search(rest)
    until = ""
    if condition and not permission:
        proviso = PROVISO.match(rest, condition.start())
        if proviso is None:
            return None
        until = next(kind for kind, said in PROVED.items() if said.search(proviso.group()))
    if condition:
        rest = rest[: condition.start()]
    parts = re.split(r"[;:(]|, (?:but|instead|just|so|as)\b| but | instead| - | so that", rest)
    return parts[0].strip(), until


def _paths(text: str) -> tuple[str, ...]:
    """Paths, file names and known places that a phrase names; empty where it names none."""
    found = []
    for groups in PATH.findall(text):
        path = next(group for group in groups if group).strip()
        if re.fullmatch(r"[\w.@*/~-]{2,120}", path) and not path.replace(".", "").isdigit():
            found.append(posixpath.normpath(path.rstrip("/.") or path).lower().removeprefix("./"))
    if found:
        return tuple(found[:12])
    first = re.split(r"[,.;(]| or | and | to (?:make|get|let)\b| so that ", text)[0].strip()
    place = PLACE.match(first)
    if place and place.group(1) in PLACES:
        return (place.group(1),)
    return ()
