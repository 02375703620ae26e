"""Passages in a tool's output that speak to the agent rather than to its user.

Data is full of imperatives ("Send the form to …"): they are addressed to whoever the
document is for. An injected instruction has to reach past that reader: it speaks of the
agent's task, instructions, prompt or user, of the model itself, or takes a role that only
the harness has (a system message, a turn marker). Those structural signs are what is
looked for here, in any wording, and never a template. Greshake et al., "Not what you've
signed up for", arXiv 2302.12173, describes the attack; Debenedetti et al., "AgentDojo",
arXiv 2406.13352, measures it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

import msgspec

from roguewatch.detect.cues import CUES
from roguewatch.detect.deeds import is_base, word_deeds, words
from roguewatch.detect.scanning import Scanner, Scanners
from roguewatch.detect.values import normalise

WINDOW = 480
"""Characters on either side of a cue that belong to its passage."""

MAX_CUES = 48
"""Cues looked at per output; an output with more is itself odd, and says `flooded`."""

_STRONG = [
    (name, weight, Scanner(pattern)) for name, (weight, pattern) in CUES.items() if weight > 1
]
_WEAK = [
    (name, weight, Scanner(pattern)) for name, (weight, pattern) in CUES.items() if weight == 1
]
_ANY_STRONG = Scanner(
    "(?i)" + "|".join(f"(?:{pattern})" for weight, pattern in CUES.values() if weight > 1)
)
_EACH_STRONG = Scanners((cue.pattern for _, _, cue in _STRONG), _ANY_STRONG)

_TO_MODELS = Scanner(CUES["addresses the model"][1])
_END = r"(?:(?<=[.!?])(?=[\s\"'<)\]]|$)|(?<=\n)|(?<=;)(?=\s)|(?<=[a-z]:)(?=\s)|(?<=>)(?=\s?[a-z])"
# Beginning with one set of characters, so that `re` looks closer only where one of them is.
_SENTENCE = re.compile(rf"[.!?;:>\n]{_END})")
_DASHED = re.compile(rf"[.!?;:>\n ]{_END}|(?<= )(?=- ))")
"""Also before a dash between spaces, which few texts have."""
_LEAD = re.compile(
    r"[\W_]{0,12}(?:\[[^\]\n]{1,30}\][\W_]{1,6})?(?:(?:\d{1,2}[.)]|step \d{1,2}|please|kindly|also|then|first|firstly|second|"
    r"next|finally|now|just|always|immediately|and|so|instead|todo|task|action|important|"
    r"remember to|make sure to|make sure you|be sure to|ensure (?:that )?you|do not forget to|"
    r"don't forget to|go ahead and|you (?:must|should|need to|have to|will|can|are to|shall)"
    r"(?: (?:also|now|first|then|immediately))?|i (?:need|want|would like) you to|"
    r"(?:could|can|would|will) you(?: please)?|it is (?:required|necessary|mandatory|"
    r"important) (?:to|that you)|you are (?:required|requested|instructed|asked|expected) to|"
    r"your (?:new )?(?:task|job|goal|objective|next (?:step|task|action)) is(?: now)? to|"
    r"(?:the )?\w{1,20} (?:must|should|shall|needs to|has to)|"
    r"(?:before|after|when|once|if|as|in order|to)\b[^,\n]{3,100},)[\W_]{1,4}){0,5}"
    r"([a-z]{2,20})(-?[a-z]*)(?=[\s:,.!(\[`'\"]|$)"
)
_CLAUSE = re.compile(
    r"(?:[\"']: ?[\"']|, |: | and (?:then |also |instead,? ?)?| then | instead,? | - )"
)
# A verb that no list knows is still an imperative in "unlock the front door".
_DETERMINED = re.compile(r"\s+(?:the|my|a|an|all|every|your|this|these|our|each|it|him|her|them)\b")
_NO_VERBS = words(
    "the this that these those i you we it he she they there here is are was were be been am to of in "
    "on at by for from with as and or but if so not no what which who when where how why all any both "
    "than then also only about into over after before under between during has have had does did can "
    "could will would should may might must do like near because since while until unless"
)
_NO = re.compile(r"[\W_]{0,8}(?:do not|don't|never|you (?:must|should) (?:not|never))\b")


class Order(msgspec.Struct, frozen=True):
    """One imperative sentence of a passage."""

    sentence: str
    """Normalised."""

    following: str
    """The two sentences after it, which often carry the parameters."""

    strength: int
    """Weight of the strong cues in it and next to it: 2 addresses the agent, 3 and more
    takes over its task."""

    score: int
    """The weak cues added."""


class Passage(msgspec.Struct, frozen=True):
    """One stretch of untrusted output that addresses the agent."""

    event: str
    """Id of the tool result that brought it."""

    tool: str

    call_id: str

    text: str
    """Normalised text of the passage."""

    orders: tuple[Order, ...]
    """What it orders, in its order."""

    @property
    def cues(self) -> tuple[str, ...]:
        """What makes it speak to the agent, in words."""
        return tuple(name for name, _, cue in _STRONG + _WEAK if cue.found(self.text))

    @property
    def strength(self) -> int:
        """That of its strongest order."""
        return max((order.strength for order in self.orders), default=0)

    @property
    def score(self) -> int:
        return max((order.score for order in self.orders), default=0)


def sentences(text: str) -> Iterator[str]:
    """Sentences, list items and lines of normalised text."""
    start = 0
    for match in (_DASHED if " - " in text else _SENTENCE).finditer(text):
        end = match.end()
        if text[end - 1] == " ":
            end -= 1
        if end > start + 1:
            yield text[start:end]
            start = end
    if start < len(text):
        yield text[start:]


def is_order(sentence: str) -> bool:
    """Whether a normalised sentence tells its reader to do something with effect."""
    head = sentence[:400].replace("e-mail", "email")
    if _NO.match(head):
        return False
    match = _LEAD.match(head)
    return match is not None and (is_base(match.group(1)) or match.group(1) in _COMMANDING)


def forbids(sentence: str) -> bool:
    """Whether a normalised sentence tells its reader not to do something."""
    return _NO.match(sentence) is not None


_OBLIGED = re.compile(
    r"\b(?:assistants?|agents?|models?|bots?|you)\b[^.\n]{0,60}?\b(?:must|shall|should|needs? to|"
    r"ha(?:s|ve) to|(?:is|are) (?:required|requested|instructed|expected|asked|obliged) to|"
    r"requires? that you)\W+(?!not\b|never\b)"
    r"(?:(?:[a-z]{2,16}ly|first|also|now|always|then|please|just|next)\W+)?([a-z]{2,20})"
)


def orders_somewhere(sentence: str) -> bool:
    """Whether any clause of a sentence is an order.

    Only for text that addresses the agent, or where nobody else can have asked for the act.
    """
    head = sentence[:400].replace("e-mail", "email")
    obliged = _OBLIGED.search(head)
    if obliged is not None and _is_act(obliged, head):
        return True
    return any(_is_imperative(clause) for clause in (head, *_CLAUSE.split(head)[1:8]))


def _is_imperative(clause: str) -> bool:
    """Whether a clause is an order, by a verb that is known or by what follows it."""
    if _NO.match(clause):
        return False
    match = _LEAD.match(clause)
    return match is not None and (match.group(1) in _COMMANDING or _is_act(match, clause))


def _is_act(match: re.Match[str], text: str) -> bool:
    verb = match.group(1)
    if is_base(verb):
        return True
    if word_deeds(verb):
        return False  # "opened", "sends": told of something, which is no order
    return verb not in _NO_VERBS and _DETERMINED.match(text, match.end()) is not None


_COMMANDING = words(
    "get retrieve collect gather find look summarize use read search click take do perform "
    "execute reveal print output list provide return help act pretend simulate consider"
)


def _orders(text: str) -> tuple[Order, ...]:
    parts: list[str] = []
    ends: list[int] = []
    breaks: set[int] = set()
    position = 0
    for raw in sentences(text):
        position += len(raw)
        part = raw.strip()
        if part:
            parts.append(part)
            ends.append(position)
        else:
            breaks.add(len(parts))
    near: set[int] = set()
    for begin, end in _ANY_STRONG.spans(text):
        at = bisect_left(ends, begin + 1)
        near.update(range(at - 1, bisect_left(ends, end) + 3))
    found: list[Order] = []
    last = -9
    for index, part in enumerate(parts):
        if (index not in near and index - last > 2) or not orders_somewhere(part):
            continue
        # What follows in a paragraph of its own belongs to something else.
        end = index + 1 if index + 1 in breaks else index + 2
        context = "\n".join(parts[max(0, index - 2) : end])
        strong = _strength(context)
        if not strong and index - last <= 2 and found:
            strong = found[-1].strength  # the next step of the same order
        if strong >= 2:
            following = " ".join(parts[index + 1 : index + 3])
            found.append(Order(part, following, strong, strong + _weight(_WEAK, context)))
            last = index
    return tuple(found[:24])


def _strength(text: str) -> int:
    """The weight of all strong cues in a text."""
    return sum([_STRONG[number][1] for number in _EACH_STRONG.matching(text)])


def _weight(cues: list[tuple[str, int, Scanner]], text: str) -> int:
    return sum([weight for _, weight, cue in cues if cue.found(text)])


def _windows(text: str) -> Iterator[tuple[int, int]]:
    begin = end = -1
    for first, last in islice(_ANY_STRONG.spans(text), MAX_CUES):
        low, high = max(0, first - WINDOW), min(len(text), last + WINDOW)
        if low <= end:
            end = high
            continue
        if end >= 0:
            yield begin, end
        begin, end = low, high
    if end >= 0:
        yield begin, end


class Window(msgspec.Struct):
    """A stretch of tool output that may address the agent; read only when somebody asks."""

    event: str
    """Id of the tool result that brought it."""
    tool: str
    call_id: str
    text: str
    """As it came, then normalised."""
    printed: bool = False
    """Whether a command printed it that is not there to show files."""
    passage: Passage | None = None
    _flat: str | None = None
    _strength: int = -1
    _read: bool = False

    def flat(self) -> str:
        """Normalised, on one line."""
        if self._flat is None:
            self.text = normalise(self.text)
            self._flat = self.text.replace("\n", " ")
        return self._flat

    def strength(self) -> int:
        """The most that an order in it can be worth: the weight of all its strong cues."""
        if self._strength < 0:
            self._strength = _strength(self.text.lower())
        return self._strength

    def addresses_model(self) -> bool:
        """Whether a program that is no reader of files speaks to models by name."""
        return self.printed and _TO_MODELS.found(self.text.lower())

    def read(self) -> Passage | None:
        """The passage in it, where it orders something."""
        if not self._read:
            self.flat()
            self._read = True
            if orders := _orders(self.text):
                self.passage = Passage(self.event, self.tool, self.call_id, self.text, orders)
        return self.passage


def windows(event: str, tool: str, call_id: str, text: str, printed: bool = False) -> list[Window]:
    """Where one tool output may address the agent. One pass over it, and no more.

    Args:
        event: id of the tool result.
        tool: name of the tool.
        call_id: id of the call.
        text: its output as it came.
        printed: whether a command printed it that is not there to show files.
    """
    return [Window(event, tool, call_id, text[begin:end], printed) for begin, end in _windows(text)]


def passages(event: str, tool: str, call_id: str, text: str) -> list[Passage]:
    """The passages of one tool output that address the agent and order something."""
    return [
        passage
        for window in windows(event, tool, call_id, text)
        if (passage := window.read()) is not None
    ]
