"""Every number on the page of the example organisation leads to evidence in two clicks."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from tests.assess.conftest import Example

VOID = {"meta", "br", "rect", "link", "hr", "img", "path", "line"}
PLAIN = {"code", "pre", "style", "title", "desc", "footer", "nav"}
"""Commands, digests and what the page says of itself are no measurements; titles and
descriptions of drawings say again what their marks show, and those are walked."""
NO_MEASUREMENT = {"id", "no", "over", "label", "tally"}
"""Identifiers, ordinals, dates and names of frameworks (label), and counts of what the page
itself lists (tally)."""
CONTAINERS = {"a", "tr", "li", "p", "dd", "article", "table", "h3", "summary"}
"""Elements within which a link belongs to a number."""


class Node:
    def __init__(self, tag: str, attributes: dict[str, str], parent: Node | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Node] = []
        self.texts: list[str] = []

    def up(self) -> list[Node]:
        return [self, *(self.parent.up() if self.parent else [])]

    def all(self) -> list[Node]:
        return [self, *(one for child in self.children for one in child.all())]

    def links(self) -> list[str]:
        hrefs = [one.attributes.get("href", "") for one in self.all() if one.tag == "a"]
        return [href[1:] for href in hrefs if href.startswith("#")]

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.at = Node("", {}, None)
        self.ids: dict[str, Node] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(node)
        if "id" in node.attributes:
            assert node.attributes["id"] not in self.ids
            self.ids[node.attributes["id"]] = node
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.at.tag == tag, (self.at.tag, tag)
            assert self.at.parent is not None
            self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.texts.append(data)

    def numbers(self) -> list[tuple[Node, str]]:
        """Every element with a number in its own text, and that text."""
        return [
            (node, text.strip())
            for node in self.root.all()
            for text in node.texts
            if re.search(r"\d", text)
            and not any(one.tag in PLAIN or one.classes & NO_MEASUREMENT for one in node.up())
        ]

    def leads(self, id: str, clicks: int) -> bool:
        """Whether evidence, or the statement that there is none, is so many clicks away."""
        if id.startswith(("e-", "f-")):
            return id in self.ids
        if not clicks or id not in self.ids:
            return False
        target = self.ids[id]
        if id.startswith("fact-") and not any(link.startswith("e-") for link in target.links()):
            words = " ".join(text for one in target.all() for text in one.texts)
            return any(state in words for state in ("unassessed", "lapsed", "redacted"))
        if id.startswith("b-"):
            return True  # a heading over the findings, each of which is evidence
        return any(self.leads(link, clicks - 1) for link in target.links())

    def traced(self, node: Node) -> bool:
        for one in node.up():
            if one.tag == "article" and one.attributes.get("id", "").startswith("f-"):
                return True  # a finding: it names its events
            if one.attributes.get("id", "").startswith(("e-", "beside-")):
                return True  # evidence itself, or what another assessment's own evidence is
            if one.tag in CONTAINERS:
                links = [one.attributes["href"][1:]] if "href" in one.attributes else one.links()
                if any(self.leads(link, 1) for link in links):
                    return True
            if one.tag == "section" and "question" in one.classes:
                return any(self.leads(link, 1) for link in one.links())
        return False


@pytest.fixture(scope="module")
def page(example: Example) -> Page:
    return Page((example.out / "assessment.html").read_text())


def test_every_number_leads_to_evidence_in_at_most_two_clicks(page: Page) -> None:
    numbers = page.numbers()
    assert len(numbers) > 500
    lost = [
        (text[:80], " ".join(one.tag for one in node.up()[:6]))
        for node, text in numbers
        if not page.traced(node)
    ]
    assert not lost, "\n".join(map(str, lost))


def test_every_link_on_the_page_has_a_place_to_go(page: Page) -> None:
    assert [link for link in page.root.links() if link not in page.ids] == []


def test_every_fact_with_a_value_has_evidence_and_every_judgement_names_known_facts(
    example: Example, page: Page
) -> None:
    document = json.loads((example.out / "assessment.json").read_text())
    for fact in document["facts"]:
        links = page.ids[f"fact-{fact['id']}"].links()
        if fact["value"] is not None:
            assert fact["evidence"], fact["id"]
            assert any(link.startswith("e-") for link in links), fact["id"]
    forms = [one for form in document["questionnaires"] for one in form["questions"]]
    clauses = [one for walk in document["crosswalks"] for one in walk["clauses"]]
    judged = (*document["verdict"], *document["questions"], *document["buyer_questions"], *forms)
    for one in (*judged, *clauses, *document["steps"]):
        assert all(f"fact-{id}" in page.ids for id in one["facts"]), one


def test_the_whole_report_of_the_example_builds_in_under_a_minute(example: Example) -> None:
    assert example.done.returncode == 0
    assert example.seconds < 60
