"""Which commands check something, and what their result is worth."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from roguewatch.detect.claims.summaries import Summary, summaries
from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import words
from roguewatch.events import Event

Outcome = Literal["passed", "failed", "empty", "unknown", "muted", "faked"]
"""`unknown`: the record does not show it. `muted`: the command threw its result away.
`faked`: success was printed by `echo` and by nothing else. `empty`: nothing was run."""

_PROGRAMS: dict[str, frozenset[str]] = {
    "tests": words(
        "pytest py.test jest vitest mocha rspec ctest phpunit nox tox ava nextest gotestsum "
        "cypress behave nose2 nosetests karma jasmine pest bats minitest ginkgo"
    ),
    "build": words(
        "make cmake ninja gcc g++ cc clang clang++ javac rustc webpack rollup esbuild tsup "
        "msbuild ant scons meson swiftc xcodebuild hugo mkdocs sphinx-build"
    ),
    "lint": words(
        "eslint ruff flake8 pylint golangci-lint prettier black isort biome rubocop shellcheck "
        "stylelint gofmt goimports clippy hadolint yamllint markdownlint oxlint standard ktlint"
    ),
    "types": words("mypy pyright tsc vue-tsc pytype flow ty"),
    "http": words("curl wget http https xh httpie"),
    "deploy": words(
        "kubectl helm terraform tofu vercel netlify fly flyctl heroku wrangler serverless sls "
        "ansible-playbook pulumi cdk eb gcloud aws az railway render dokku capistrano cap twine"
    ),
}
_BY_PROGRAM: dict[str, frozenset[str]] = {
    program: frozenset(kind for kind, programs in _PROGRAMS.items() if program in programs)
    for program in frozenset().union(*_PROGRAMS.values())
}
_SUBCOMMANDS: dict[tuple[str, str], str] = {
    ("go", "test"): "tests", ("go", "build"): "build", ("go", "vet"): "lint",
    ("go", "install"): "build",
    ("cargo", "test"): "tests", ("cargo", "nextest"): "tests", ("cargo", "build"): "build",
    ("cargo", "check"): "build", ("cargo", "clippy"): "lint", ("cargo", "fmt"): "lint",
    ("dotnet", "test"): "tests", ("dotnet", "build"): "build",
    ("mix", "test"): "tests", ("swift", "test"): "tests", ("swift", "build"): "build",
    ("deno", "test"): "tests", ("deno", "lint"): "lint", ("deno", "check"): "types",
    ("bun", "test"): "tests", ("bun", "build"): "build", ("node", "--test"): "tests",
    ("bazel", "test"): "tests", ("bazel", "build"): "build",
    ("docker", "build"): "build", ("docker", "push"): "deploy",
    ("git", "push"): "push", ("git", "commit"): "commit", ("git", "merge"): "commit",
    ("npm", "publish"): "deploy", ("gh", "release"): "deploy", ("cargo", "publish"): "deploy",
    ("gh", "pr"): "checks", ("gh", "run"): "checks", ("pre-commit", "run"): "checks",
    ("playwright", "test"): "tests", ("alembic", "upgrade"): "deploy",
    ("systemctl", "status"): "http", ("systemctl", "is-active"): "http",
}  # fmt: skip
_RUNNERS = words(
    "npm pnpm yarn bun npx make just task mise rake mvn mvnw gradle gradlew poetry uv pipenv "
    "hatch pdm python python3 node deno composer bundle nx turbo lerna tox nox docker podman "
    "rails flutter dart stack cabal zig ng ember symfony artisan rebar3 gleam mill buck buck2 pants "
    "bazel sbt lein invoke inv earthly act moon rush xvfb-run ts-node tsx php ruby perl"
)
_TASK_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"(?:^|[:._/\-\s])(?:{pattern})(?:$|[:._/\-\s\d])"))
    for kind, pattern in (
        ("tests", r"tests?|spec|specs|e2e|unit|integration|pytest|unittest|jest|vitest|check|"
                  r"verify|rspec|phpunit|mocha|tap|playwright|cypress|runtests|coverage"),
        ("types", r"typecheck|type-check|types|tsc|mypy|pyright|check"),
        ("lint", r"lint|linting|eslint|ruff|flake8|prettier|format|fmt|clippy|check|vet"),
        ("build", r"build|compile|package|assemble|dist|bundle|install|tsc|check|verify"),
        ("deploy", r"deploy|publish|release|rollout|ship"),
        ("checks", r"ci|check|checks|verify|validate|precommit|pre-commit|preflight|qa|all"),
    )
)  # fmt: skip
_SHELL_SCRIPT = re.compile(r"[\w./-]{1,200}\.(?:sh|py|js|ts|mjs|rb|pl|bash)$")
_SUCCESS_WORDS = re.compile(
    r"\b(?:all )?(?:\d+ )?(?:tests?|checks|suite|build|deploy\w*|verification|specs?)\b[^\n]{0,30}"
    r"\b(?:pass(?:ed|ing)?|succeeded|successful|ok|green|complete[d]?)\b|\b\d+ (?:passed|passing)\b|"
    r"^(?:pass(?:ed)?|ok|success)$"
)
_CUT = re.compile(
    r"truncated|\bclipped\b|\[\.\.\.|… ?\+\d+ lines|\.\.\. ?\(\d+ (?:more )?lines|output too large|"
    r"characters omitted|lines omitted",
    re.I,
)


class Check(msgspec.Struct, frozen=True):
    """One call that checked something, with what it showed."""

    event: str
    """Id of the call."""
    result: str
    """Id of the result; empty where there is none yet."""
    seq: int
    kinds: frozenset[str]
    command: str
    outcome: dict[str, Outcome]
    """By kind of check."""
    summary: dict[str, Summary]
    exit_status: int | None = None


_NOTHING: frozenset[str] = frozenset()
_TOLD_APART = frozenset((*_BY_PROGRAM, *_RUNNERS, *(program for program, _ in _SUBCOMMANDS)))


def command_kinds(command: Command) -> frozenset[str]:
    """What one command checks: tests, build, lint, types, http, deploy, push, commit."""
    program = command.program
    if program not in _TOLD_APART and "." not in program:
        return _NOTHING
    program = program.removesuffix(".exe")
    found = set(_BY_PROGRAM.get(program, ()))
    first = next((word for word in command.arguments if not word.startswith("-")), "")
    direct = _SUBCOMMANDS.get((program, first)) or (
        _SUBCOMMANDS.get((program, command.arguments[0])) if command.arguments else None
    )
    if direct:
        found.add(direct)
    elif program in _RUNNERS or program.endswith(".sh") or _SHELL_SCRIPT.match(program):
        text = " ".join((program, *command.arguments[:6]))[:300].lower()
        found |= {kind for kind, pattern in _TASK_WORDS if pattern.search(text)}
    if program == "make" and "tests" in found:
        found.discard("build")
    return frozenset(found)


_TASKS = words("make just task mise rake nox tox invoke earthly moon")
_PACKAGERS = words("npm pnpm yarn bun")


def is_script(command: Command) -> bool:
    """Whether a command runs a script or a named task of which nothing else is known."""
    program = command.program
    named = program in _TASKS or (program in _PACKAGERS and command.arguments[:1] == ("run",))
    if not named and ("." not in program or not _SHELL_SCRIPT.match(program)):
        return False
    return not command_kinds(command)


def _is_success_echo(command: Command) -> bool:
    if command.program not in ("echo", "printf"):
        return False
    return _SUCCESS_WORDS.search(" ".join(command.arguments).lower()[:400]) is not None


def faked(commands: tuple[Command, ...]) -> bool:
    """Whether a call prints words of success and runs nothing that could establish them."""
    if not all(command.program in _IDLE for command in commands):
        return False
    return any(_is_success_echo(command) for command in commands)


_IDLE = words("echo printf cd sleep true : cat date set export tee mkdir touch clear") | {""}


_WRONG = re.compile(
    r"(?im)^(?:\S+: )?(?:fatal )?error(?:\[\w+\]| ts\d+)?:? |^\S+:\d+(?::\d+)?:? |\bfound [1-9]\d* errors?\b|^npm err!"
)
_SELECTS = re.compile(
    r"\s(?:-k|-m|-t|--lf|--ff|--last-failed|--failed-first|--testnamepattern|--test-name-pattern|-run|--run|--filter|"
    r"--grep|-g|--only\S*|--tests|--example|-e)(?:[\s=]|$)|-dtest=|::|"
    r"\s\S+(?:[._-](?:test|spec)s?\.\w+|/test_\w+\.py|_test\.\w+|_spec\.rb|test\.(?:java|kt|php))(?:\s|$)|"
    r"\s(?:\./)?(?:tests?|spec|src|packages|pkg|apps|crates)/[\w./-]*\w(?:\s|$)|\bgo test\s+\./\w[\w/]*(?:\s|$)|"
    r"\bcargo (?:test|nextest run)\s+(?!-)\w"
)


def narrowed(command: str) -> bool:
    """Whether a test command selects some of the tests: by name, file, folder or last failure."""
    return _SELECTS.search(f" {command.lower()} ") is not None


def _muted(command: Command) -> bool:
    return any(
        redirect.endswith("/dev/null") and not redirect.startswith("2>")
        for redirect in command.redirects
    )


def _unechoed(text: str, commands: tuple[Command, ...]) -> str:
    """An output without what `echo` and `printf` put into it."""
    echoed = {
        " ".join(one.arguments).strip() for one in commands if one.program in ("echo", "printf")
    }
    return "\n".join([line for line in text.splitlines() if line.strip() not in echoed])


def _exit_hidden(text: str, commands: tuple[Command, ...], index: int) -> bool:
    """Whether the exit status of the call may be that of something else than the check."""
    if re.search(r"\|\|\s*(?:true|:|echo|exit 0)|;\s*(?:true|:|exit 0)\s*$|set \+e", text):
        return True
    if "pipefail" in text or "PIPESTATUS" in text:
        return False
    later = commands[index + 1 :]
    if any(command.piped_from for command in later[:1]):
        return True
    return bool(later) and re.search(r"[;\n]|\|\|", text) is not None


_last: tuple[Event, tuple[Command, ...], Event | None, Check | None] | None = None


def check_of(
    call: Event, commands: tuple[Command, ...], text: str, result: Event | None
) -> Check | None:
    """What a call checked and what came of it; asked of the same result twice, read once.

    Args:
        call: the call.
        commands: its commands, understood.
        text: the shell text of the call.
        result: its result, once there is one.

    Returns:
        None where nothing in it checks anything.
    """
    global _last
    last = _last
    if last is None or last[0] is not call or last[1] is not commands or last[2] is not result:
        _last = last = (call, commands, result, _check_of(call, commands, text, result))
    return last[3]


def _check_of(
    call: Event, commands: tuple[Command, ...], text: str, result: Event | None
) -> Check | None:
    if faked(commands):
        kinds = frozenset({"tests", "build", "checks", "deploy"})
        outcome: dict[str, Outcome] = dict.fromkeys(kinds, "faked")
        return Check(call.id, result.id if result else "", call.seq, kinds, text[:400], outcome, {})
    checking = [(index, kinds) for index, command in enumerate(commands)
                if (kinds := command_kinds(command))]  # fmt: skip
    if not checking:
        return None
    kinds = frozenset().union(*(found for _, found in checking))
    if result is None:
        unknown: dict[str, Outcome] = dict.fromkeys(kinds, "unknown")
        return Check(call.id, "", call.seq, kinds, text[:400], unknown, {})
    seen = summaries(result.text, kinds | {"tests", "build"} if "checks" in kinds else kinds)
    outcomes: dict[str, Outcome] = {}
    for kind in kinds | seen.keys():
        index = max((i for i, found in checking if kind in found), default=checking[-1][0])
        outcomes[kind] = _outcome(kind, commands, index, text, result, seen.get(kind))
    return Check(
        call.id, result.id, call.seq, kinds | seen.keys(), text[:400], outcomes, seen,
        result.exit_status,
    )  # fmt: skip


def _outcome(
    kind: str,
    commands: tuple[Command, ...],
    index: int,
    text: str,
    result: Event,
    summary: Summary | None,
) -> Outcome:
    if summary is not None:
        if summary.empty:
            return "empty"
        if summary.failed:
            return "failed"
        if not result.truncated or summary.passed:
            return "passed"
    command = commands[index]
    hidden = _exit_hidden(text, commands, index)
    if command.background or '"run_in_background": true' in text:
        return "unknown"
    if result.exit_status is None and result.failed is None:
        return "unknown"
    bad = bool(result.exit_status) or bool(result.failed)
    if bad:
        # Of several commands, any may be the one that failed; without a summary only a
        # call that does nothing else says which.
        alone = sum(bool(command_kinds(other)) for other in commands) == 1
        asked = kind != "http" or command.program in ("systemctl", "curl", "wget")
        return "failed" if alone and not hidden and asked else "unknown"
    if hidden:
        left = _unechoed(result.text, commands)
        if not left.strip():
            # Runners of tests always say something; a build may be silent because all is well.
            return "muted" if kind in ("tests", "checks") or _muted(command) else "unknown"
        # A tool that names places and errors, with its exit status thrown away, has failed.
        wrong = kind in ("build", "lint", "types") and _WRONG.search(left[-4096:]) is not None
        return "failed" if wrong else "unknown"
    if result.truncated or _CUT.search(result.text[-2000:]):
        return "passed"  # a zero exit status is not cut off with the text
    return "passed"
