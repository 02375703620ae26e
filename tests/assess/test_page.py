"""The page: self-contained, and safe whatever an agent wrote."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.run import EXAMPLES, ran, roguewatch, session

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "<svg onload=alert(4)>",
    "javascript:alert(5)",
    "</style><style>*{display:none}</style>",
    "{{ 7*7 }}{% include 'x' %}",
    "\x1b[31m\u202e\u2066bidi",
    "<!-- --><base href=https://evil.example>",
    "&lt;script&gt;",
)


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update((name, value or "") for name, value in attrs)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page on the example and on a session in which every text is an attack."""
    folder = tmp_path_factory.mktemp("page")
    activity = folder / "activity"
    activity.mkdir()
    for n, attack in enumerate(ATTACKS):
        lines = session(
            f"s{n}{attack}", attack, *ran(f"{n}{attack}", f"cat ~/.ssh/id_rsa # {attack}", attack),
            *ran(f"{n}b", f"history -c; git push --force --no-verify # {attack}", attack),
            ("assistant", attack), cwd=f"/home/{attack}",
        )  # fmt: skip
        lines = lines.replace("claude-test-1", attack.replace('"', "'").replace("\x1b", ""))
        (activity / f"{n}<script>alert(6)<script>.jsonl").write_text(lines)
    (activity / "<img src=x onerror=alert(7)>").write_bytes(b"\x00\x01 not an agent")
    roguewatch("assess", EXAMPLES, activity, "--store", folder / "store", "--out", folder / "out")
    return (folder / "out" / "assessment.html").read_text()


def test_no_markup_comes_from_an_agent(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.tags.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "base", "form", "link"}
    )
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "style"]
    assert all(value.startswith("#") for name, value in tags.attributes if name == "href")
    assert page.count("<style") == 1


def test_its_policy_forbids_script_and_network_and_allows_only_its_own_style(page: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.replace("&#39;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]+'", rules["style-src"])
    assert rules["base-uri"] == rules["form-action"] == "'none'"


def test_it_holds_no_control_or_bidirectional_characters(page: str) -> None:
    assert not re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


def test_attacks_are_there_to_read_as_text(page: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "49" not in re.findall(r"7\*7[^<]{0,3}|\b49\b(?=\{)", page)


def test_every_cell_of_the_table_says_unassessed(page: str) -> None:
    assert page.count("<b>unassessed</b>") == 6


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_loads_nothing_runs_nothing_and_fits_the_screen(
    page: str, tmp_path: Path, width: int
) -> None:
    import shutil

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright

    file = tmp_path / "page.html"
    file.write_text(page)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 800})
        requests: list[str] = []
        problems: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("dialog", lambda dialog: problems.append(dialog.message))
        tab.goto(file.as_uri())
        assert requests == [file.as_uri()]
        assert problems == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert (
            tab.evaluate("getComputedStyle(document.querySelector('.figures')).display") == "grid"
        )
        browser.close()
