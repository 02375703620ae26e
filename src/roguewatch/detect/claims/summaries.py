"""Summaries that test runners, builds, linters and type checkers print.

Each pattern was written from the tool's own documented output. Lines are matched one by
one on a bounded tail of the output, because a summary stands at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from roguewatch.detect.scanning import Scanner

TAIL = 16_384
"""Characters at the end of an output that are searched for a summary."""

HEAD = 4_096


class Summary(msgspec.Struct, frozen=True):
    """What a checking tool said of its own run."""

    tool: str
    passed: int = 0
    failed: int = 0
    """Failures and errors."""
    skipped: int = 0
    empty: bool = False
    """It says that it found nothing to run."""

    @property
    def ok(self) -> bool:
        return self.failed == 0 and not self.empty


_ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_COUNT = re.compile(
    r"(\d{1,7}) (passed|pass|passing|failed|fail|failing|failures?|errors?|skipped|pending|"
    r"todo|xfailed|xpassed|deselected|warnings?|ignored)\b"
)
_BAD = ("fail", "error")


def _counts(tool: str, line: str) -> Summary:
    passed = failed = skipped = 0
    for number, word in _COUNT.findall(line.lower()):
        if word.startswith("pass"):
            passed += int(number)
        elif word.startswith(_BAD):
            failed += int(number)
        elif word in ("skipped", "pending", "todo", "ignored", "xfailed"):
            skipped += int(number)
    return Summary(tool, passed, failed, skipped)


Reader = Callable[[re.Match[str]], Summary]


def _int(match: re.Match[str], group: str) -> int:
    value = match.groupdict().get(group)
    return int(value.replace(",", "")) if value else 0


def _of(tool: str) -> Reader:
    def read(match: re.Match[str]) -> Summary:
        total, failed = _int(match, "total"), _int(match, "failed") + _int(match, "errors")
        skipped = _int(match, "skipped")
        passed = _int(match, "passed") or max(0, total - failed - skipped)
        return Summary(tool, passed, failed, skipped)

    return read


def _line(tool: str) -> Reader:
    return lambda match: _counts(tool, match.group())


def _ok(tool: str) -> Reader:
    return lambda match: Summary(tool)


def _bad(tool: str) -> Reader:
    return lambda match: Summary(tool, failed=max(1, _int(match, "failed")))


def _empty(tool: str) -> Reader:
    return lambda match: Summary(tool, empty=True)


# tool, kind, pattern on one line, how to read it. Order does not matter: the last match of a
# tool in the output decides, except for the tools in _ADDED_UP.
_PATTERNS: tuple[tuple[str, str, str, Reader], ...] = (
    # https://docs.pytest.org/en/stable/how-to/output.html
    ("pytest", "tests", r"^=*\s?(?:\d+ \w+,? ?){1,8}(?:in [\d.:]+ ?s.*|=+)$", _line("pytest")),
    (
        "pytest",
        "tests",
        r"^(?:\d+ (?:passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)(?:, |$)){1,8}$",
        _line("pytest"),
    ),
    ("pytest", "tests", r"^=* ?(?:no tests ran|no tests collected).*$", _empty("pytest")),
    ("pytest", "tests", r"^(?:FAILED|ERROR) \S+::.*$", _bad("pytest")),
    # https://docs.python.org/3/library/unittest.html
    ("unittest", "tests", r"^OK(?: \((?:skipped|expected).*\))?$", _ok("unittest")),
    (
        "unittest",
        "tests",
        r"^FAILED \((?:failures=(?P<failed>\d+))?(?:, )?(?:errors=(?P<errors>\d+))?.*\)$",
        _of("unittest"),
    ),
    # Jest and Vitest
    ("jest", "tests", r"^\s*Tests:\s+.*\d+ total.*$", _line("jest")),
    ("vitest", "tests", r"^\s*Tests\s+(?:\d+ \w+[ |]*)+\(\d+\).*$", _line("vitest")),
    ("vitest", "tests", r"^\s*Test Files\s+.*\d+ failed.*$", _line("vitest")),
    ("vitest", "tests", r"^\s*Errors\s+\d+ errors?$", _line("vitest")),
    ("jest-suite", "tests", r"^\s*● Test suite failed to run$", _bad("jest")),
    # Mocha's spec reporter
    ("mocha", "tests", r"^\s*(?P<passed>\d+) passing\b.*$", _of("mocha")),
    ("mocha", "tests", r"^\s*(?P<failed>\d+) failing\b.*$", _bad("mocha")),
    # node --test, bun test, TAP
    ("tap", "tests", r"^(?:#|ℹ) pass (?P<passed>\d+)$", _of("tap")),
    ("tap", "tests", r"^(?:#|ℹ) fail (?P<failed>[1-9]\d*)$", _bad("tap")),
    ("bun", "tests", r"^\s*(?P<passed>\d+) pass$", _of("bun")),
    ("bun", "tests", r"^\s*(?P<failed>[1-9]\d*) fail$", _bad("bun")),
    # go help test
    ("go", "tests", r"^ok\s+\S+\s+(?:\(cached\)|[\d.]+s).*$", _ok("go")),
    ("go", "tests", r"^(?:--- FAIL: .*|FAIL\s+\S+.*|FAIL)$", _bad("go")),
    (
        "go",
        "tests",
        r"^DONE (?P<total>\d+) tests(?:, (?P<skipped>\d+) skipped)?"
        r"(?:, (?P<failed>\d+) failures?)?.*$",
        _of("gotestsum"),
    ),
    # libtest
    (
        "cargo",
        "tests",
        r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; "
        r"(?P<skipped>\d+) ignored.*$",
        _of("cargo"),
    ),
    ("nextest", "tests", r"^\s*Summary \[.*\] *\d+ tests? run: .*$", _line("nextest")),
    # Maven Surefire, Gradle
    (
        "maven",
        "tests",
        r"^(?:\[\w+\] )?Tests run: (?P<total>\d+), Failures: (?P<failed>\d+), "
        r"Errors: (?P<errors>\d+), Skipped: (?P<skipped>\d+).*$",
        _of("maven"),
    ),
    ("maven", "build", r"^(?:\[INFO\] )?BUILD SUCCESS\b.*$", _ok("maven")),
    ("maven", "build", r"^(?:\[\w+\] )?BUILD FAILURE\b.*$", _bad("maven")),
    (
        "gradle",
        "tests",
        r"^(?P<total>\d+) tests? completed(?:, (?P<failed>\d+) failed)?(?:, (?P<skipped>\d+) "
        r"skipped)?.*$",
        _of("gradle"),
    ),
    ("gradle", "build", r"^BUILD SUCCESSFUL\b.*$", _ok("gradle")),
    ("gradle", "build", r"^BUILD FAILED\b.*$", _bad("gradle")),
    # RSpec, minitest, CTest, PHPUnit, dotnet, swift, ExUnit
    (
        "rspec",
        "tests",
        r"^(?P<total>\d+) examples?, (?P<failed>\d+) failures?(?:, (?P<skipped>\d+) pending)?.*$",
        _of("rspec"),
    ),
    (
        "minitest",
        "tests",
        r"^(?P<total>\d+) (?:runs|tests), \d+ assertions, (?P<failed>\d+) failures?, "
        r"(?P<errors>\d+) errors?(?:, (?P<skipped>\d+) skips?)?.*$",
        _of("minitest"),
    ),
    (
        "ctest",
        "tests",
        r"^\d+% tests passed, (?P<failed>\d+) tests? failed out of (?P<total>\d+).*$",
        _of("ctest"),
    ),
    ("phpunit", "tests", r"^OK \((?P<total>\d+) tests?, \d+ assertions?\).*$", _of("phpunit")),
    (
        "phpunit",
        "tests",
        r"^Tests: (?P<total>\d+), Assertions: \d+(?:, Errors: (?P<errors>\d+))?"
        r"(?:, Failures: (?P<failed>\d+))?.*$",
        _of("phpunit"),
    ),
    (
        "dotnet",
        "tests",
        r"^(?:Passed|Failed)!\s+- Failed:\s+(?P<failed>\d+), Passed:\s+(?P<passed>\d+), "
        r"Skipped:\s+(?P<skipped>\d+).*$",
        _of("dotnet"),
    ),
    ("dotnet", "build", r"^Build succeeded\.?$", _ok("dotnet")),
    ("dotnet", "build", r"^Build FAILED\.?$", _bad("dotnet")),
    (
        "swift",
        "tests",
        r"^\s*Executed (?P<total>\d+) tests?, with (?P<failed>\d+) failures?.*$",
        _of("swift"),
    ),
    ("exunit", "tests", r"^(?P<total>\d+) tests?, (?P<failed>\d+) failures?.*$", _of("exunit")),
    (
        "bazel",
        "tests",
        r"^Executed \d+ out of (?P<total>\d+) tests?:(?: \d+ tests? pass(?:es)?\b)?[^.\d]*"
        r"(?:(?P<failed>\d+) fails?\b)?.*$",
        _of("bazel"),
    ),
    # Compilers
    ("rustc", "build", r"^error(?:\[E\d+\])?: .*$", _bad("rustc")),
    ("cargo", "build", r"^\s*Finished `?\w+`? (?:profile )?.*target.*$", _ok("cargo")),
    ("gcc", "build", r"^\S+:\d+(?::\d+)?: (?:fatal )?error: .*$", _bad("gcc")),
    ("tsc", "types", r"^.*\berror TS\d+: .*$", _bad("tsc")),
    ("go", "build", r"^\S+\.go:\d+:\d+: .*$", _bad("go")),
    ("make", "build", r"^make(?:\[\d+\])?: \*\*\* .*$", _bad("make")),
    ("vite", "build", r"^✓ built in .*$", _ok("vite")),
    ("npm", "build", r"^npm (?:ERR!|error) (?:code|Lifecycle script|Exit status).*$", _bad("npm")),
    # Linters and type checkers
    ("mypy", "types", r"^Success: no issues found in \d+ source files?.*$", _ok("mypy")),
    ("mypy", "types", r"^Found (?P<failed>\d+) errors? in \d+ files?.*$", _bad("mypy")),
    (
        "pyright",
        "types",
        r"^(?P<failed>\d+) errors?, \d+ warnings?, \d+ (?:informations?|notes?).*$",
        _of("pyright"),
    ),
    ("ruff", "lint", r"^All checks passed!$", _ok("ruff")),
    ("ruff", "lint", r"^Found (?P<failed>\d+) errors?\.?.*$", _bad("ruff")),
    ("eslint", "lint", r"^✖ \d+ problems? \((?P<failed>\d+) errors?, .*$", _of("eslint")),
    ("golangci-lint", "lint", r"^0 issues\.?$", _ok("golangci-lint")),
    ("golangci-lint", "lint", r"^(?P<failed>[1-9]\d*) issues(?::|\.).*$", _bad("golangci-lint")),
    ("prettier", "lint", r"^All matched files use Prettier code style!$", _ok("prettier")),
    ("rubocop", "lint", r"^\d+ files inspected, no offenses detected$", _ok("rubocop")),
    (
        "rubocop",
        "lint",
        r"^\d+ files inspected, (?P<failed>\d+) offenses? detected.*$",
        _bad("rubocop"),
    ),
    ("git", "push", r"^(?:To \S+|Everything up-to-date)$", _ok("git")),
    (
        "git",
        "push",
        r"^(?:error: failed to push .*| ! \[(?:remote )?rejected\].*|fatal: .*)$",
        _bad("git"),
    ),
    ("git", "commit", r"^\[[\w./ -]+ [0-9a-f]{7,}\].*$", _ok("git")),
    ("git", "commit", r"^(?:nothing to commit.*|error: .*|fatal: .*)$", _bad("git")),
    ("curl", "http", r"^(?:< )?HTTP/[\d.]+ [23]\d\d\b.*$", _ok("curl")),
    ("curl", "http", r"^(?:< )?HTTP/[\d.]+ [45]\d\d\b.*$", _bad("curl")),
    ("curl", "http", r"^[23]\d\d$", _ok("curl")),
    ("curl", "http", r"^(?:000|[45]\d\d)$", _bad("curl")),
    ("curl", "http", r"^curl: \(\d+\) .*$", _bad("curl")),
)
_COMPILED = tuple(
    (tool, kind, re.compile(pattern), read) for tool, kind, pattern, read in _PATTERNS
)
# One RE2 pass finds the few lines that any pattern can match.
_CANDIDATE = Scanner(
    "(?m)"
    + "|".join(
        re.sub(r"\?P<\w+>", "?:", pattern).replace("^", "^[ \\t]*", 1)
        for _, _, pattern, _ in _PATTERNS
    )
)
_ADDED_UP = frozenset({"go", "cargo", "maven", "mocha", "tap", "bun", "vitest", "unittest", "tsc",
                       "rustc", "gcc", "pytest", "curl"})  # fmt: skip
"""Tools that print one summary per package, or good and bad on different lines."""


def summaries(text: str, kinds: frozenset[str]) -> dict[str, Summary]:
    """The summaries in an output, by kind of check.

    Args:
        text: the output as it came; colours are ignored.
        kinds: which kinds to look for: tests, build, lint, types, push, commit, http.

    Returns:
        For each kind that was found, one summary; several packages are added up.
    """
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    found: dict[tuple[str, str], Summary] = {}
    for begin, end in _CANDIDATE.spans(text):
        line = text[begin:end].rstrip()[:400]
        for tool, kind, pattern, read in _of_kinds(kinds):
            match = pattern.match(line)
            if match is None:
                continue
            new, key = read(match), (kind, tool)
            old = found.get(key)
            found[key] = _added(old, new) if old and tool in _ADDED_UP else new
    by_kind: dict[str, Summary] = {}
    for (kind, _), summary in found.items():
        old = by_kind.get(kind)
        by_kind[kind] = summary if old is None else _added(old, summary)
    return by_kind


@lru_cache(maxsize=256)
def _of_kinds(kinds: frozenset[str]) -> tuple[tuple[str, str, re.Pattern[str], Reader], ...]:
    return tuple(one for one in _COMPILED if one[1] in kinds)


def _added(old: Summary, new: Summary) -> Summary:
    return Summary(
        old.tool,
        old.passed + new.passed,
        # FAILED lines and the count that follows speak of the same failures.
        max(old.failed, new.failed) if old.tool in ("pytest", "go") else old.failed + new.failed,
        old.skipped + new.skipped,
        old.empty or new.empty,
    )
