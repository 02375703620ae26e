"""Finding files, recognising formats, and saying why a file cannot be read."""

from __future__ import annotations

import gzip
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from roguewatch.sources.reading import discover, read, walk
from tests.build import SHARED
from tests.fuzz.seeds import seeds
from tests.sources.lines_of import claude, codex, meta, reading, write


def _good(path: Path) -> Path:
    return write(path, [claude("user", "hi")])


def _errors(folder: Path) -> dict[str, str]:
    found = {}
    for each in read([folder]):
        list(each.events())
        found[Path(each.name).name] = each.error
    return found


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    _good(tmp_path / "a.txt")
    write(tmp_path / "b.json", [meta(), codex("message", role="user", content="x")])
    assert {Path(r.name).name: r.source for r in read([tmp_path])} == {
        "a.txt": "claude-code",
        "b.json": "codex",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x00\x01\x02", "is binary and of no known format (tried: claude-code, codex"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b'{"hello": "world"}', "is JSON of no known format: an object of 1 key ("),
        (b"[1, 2]\n{", "is JSON of no known format: an array of 2 items in its first line ("),
        (b'{"half": ', "is JSON of no known format ("),
        (b"just some words\n", "is text of no known format"),
        ("{}".encode("utf-16"), "is UTF-16 text"),
        (b"\x1f\x8bbroken", "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why_and_the_rest_is_read(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "bad").write_bytes(content)
    _good(tmp_path / "good")
    errors = _errors(tmp_path)
    assert says in errors["bad"] and str(tmp_path) in errors["bad"]
    assert errors["good"] == ""


@pytest.mark.parametrize("content", ["KEY=hunter2", '{"hunter2": "hunter2"}', '["hunter2"'])
def test_nothing_is_quoted_from_a_file_of_no_known_format(tmp_path: Path, content: str) -> None:
    (tmp_path / ".env").write_text(content)
    assert "hunter2" not in _errors(tmp_path)[".env"]


def test_a_store_of_ours_is_not_read_as_activity(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "ledger").mkdir(parents=True)
    (store / "ledger" / "ledger.json").write_text("{}")
    (store / "state.sqlite").touch()
    _good(store / "good")
    _good(tmp_path / "good")
    assert _errors(tmp_path)["store"].endswith(
        "is a roguewatch store, which is not read as activity"
    )
    assert _errors(tmp_path).keys() == {"store", "good"}
    assert len(list(walk([store]))) == 1


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    (tmp_path / "null").symlink_to("/dev/null")
    _good(tmp_path / "good")
    errors = _errors(tmp_path)
    assert "a named pipe, which is never opened" in errors["pipe"]
    assert "a socket" in errors["sock"] and "a character device" in errors["null"]
    assert errors["good"] == ""


def test_loops_of_links_end_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    _good(tmp_path / "good")
    errors = _errors(tmp_path)
    assert "a symbolic link to a folder that it lies in" in errors["up"]
    assert "a loop of symbolic links" in errors["self"]
    assert "no such file" in errors["gone"] and errors["good"] == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_permission_say_so(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    _good(tmp_path / "file").chmod(0)
    (tmp_path / "folder").chmod(0)
    _good(tmp_path / "good")
    errors = _errors(tmp_path)
    (tmp_path / "folder").chmod(0o700)
    assert "permission denied" in errors["folder"] and "permission denied" in errors["file"]
    assert errors["good"] == ""


def test_names_that_are_not_unicode_are_read_and_shown_safely(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x1b[31m"
    Path(os.fsdecode(name)).write_bytes(_good(tmp_path / "good").read_bytes())
    (found,) = [r for r in read([tmp_path]) if not r.name.endswith("good")]
    assert found.source == "claude-code" and "\x1b" not in found.name
    found.name.encode()


def test_packed_files_are_read_and_bombs_are_not(tmp_path: Path) -> None:
    data = _good(tmp_path / "plain").read_bytes()
    (tmp_path / "packed.gz").write_bytes(gzip.compress(data))
    with gzip.open(tmp_path / "bomb.gz", "wb", 1) as stream:
        stream.write(data)
        for _ in range(400):
            stream.write(b" " * (1 << 20))
    (tmp_path / "archive").write_bytes(seeds()["inspect"][0])
    (tmp_path / "archive.gz").write_bytes(gzip.compress((tmp_path / "archive").read_bytes()))
    archives = [[e.id for e in r.events()] for r in read(sorted(tmp_path.glob("archive*")))]
    assert archives[0] == archives[1] != []
    plain = [e.id for r in read([tmp_path / "plain"]) for e in r.events()]
    packed = [e.id for r in read([tmp_path / "packed.gz"]) for e in r.events()]
    assert plain == packed
    found, told = reading(tmp_path / "bomb.gz")
    assert "unpacks to more than" in found.error and len(told) == 2


_LONG = "".join(f'{{"role":"user","content":"{number}"}}\n' for number in range(9000)).encode()
_ARRAY = b"[" + _LONG.strip().replace(b"\n", b",") + b"]"


def _wrong_sum(data: bytes) -> bytes:
    return gzip.compress(data)[:-8] + b"\1\2\3\4" + gzip.compress(data)[-4:]


@pytest.mark.parametrize("data", [_LONG, _ARRAY], ids=["lines", "array"])
@pytest.mark.parametrize(
    ("pack", "least", "most"),
    [
        (lambda data: gzip.compress(data)[:-1], 8999, 9000),
        (lambda data: gzip.compress(data)[:-400], 7000, 8999),
        (lambda data: gzip.compress(data) + b"trailing", 9000, 9000),
        (_wrong_sum, 9000, 9000),
        (lambda data: zstandard.compress(data, 1)[:-1], 1000, 9000),
    ],
    ids=["cut at its sum", "cut", "something behind it", "a wrong sum", "zstandard, cut"],
)
def test_what_stands_before_a_fault_in_a_packed_file_is_read(
    tmp_path: Path, data: bytes, pack: Callable[[bytes], bytes], least: int, most: int
) -> None:
    (tmp_path / "a").write_bytes(pack(data))
    found, told = reading(tmp_path / "a")
    said = [event.text for event in told if event.kind == "user_message"]
    assert least <= len(said) <= most and said == [str(n) for n in range(len(said))]
    assert [event.kind for event in told].count("gap") == found.counts.truncated_tail == 1


def test_a_zstandard_file_may_begin_with_a_frame_to_pass_over(tmp_path: Path) -> None:
    skipped = b"\x5d\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    packed = zstandard.compress(_good(tmp_path / "plain").read_bytes())
    (tmp_path / "packed").write_bytes(skipped + packed + skipped)
    told = reading(tmp_path / "packed")[1]
    assert [event.kind for event in told] == ["session_start", "user_message"]


def test_a_file_is_read_once_however_often_it_is_named(tmp_path: Path) -> None:
    path = _good(tmp_path / "a")
    (tmp_path / "link").symlink_to(path)
    assert list(walk([tmp_path, path])) == [path]


def test_a_file_of_a_known_format_that_holds_nothing_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", '{"version": 2, "eval": {"task": "t"}}')
    (tmp_path / "chat.jsonl").write_text('{"messages": [{"role": "user"')
    found = [(one, list(one.events())) for one in read([tmp_path])]
    assert found[0][0].error or found[0][1], "a chat that is cut"
    assert found[1][0].error.endswith("holds no activity")


def test_a_session_comes_before_its_subagents(tmp_path: Path) -> None:
    for name in ("s-1/subagents/agent-a.jsonl", "s-1.jsonl", "s-0.jsonl", "s-10.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        _good(tmp_path / name)
    names = [Path(found.name).name for found in read([tmp_path])]
    assert names == ["s-0.jsonl", "s-1.jsonl", "agent-a.jsonl", "s-10.jsonl"]


def test_files_come_sorted_and_progress_is_told(tmp_path: Path) -> None:
    for name in "cab":
        _good(tmp_path / name)
    seen: list[str] = []
    names = [r.name for r in read([tmp_path], progress=lambda r: seen.append(r.name))]
    assert names == seen == sorted(names)


@pytest.mark.parametrize(
    ("source", "session", "beside"),
    [
        ("claude-code", "s-1.jsonl", "s-1/tool-results/abc.txt"),
        ("claude-code", "s-1.jsonl", "s-1/session-memory/summary.md"),
        ("claude-code", "s-1.jsonl", "memory/MEMORY.md"),
        ("claude-code", "s-1.jsonl", "sessions-index.json"),
        ("copilot-cli", "s-1/events.jsonl", "s-1/workspace.yaml"),
        ("copilot-cli", "s-1/events.jsonl", "s-1/checkpoints/index.md"),
        ("gemini-cli", "p/chats/session-1.json", "p/shell_history"),
    ],
)
def test_what_an_agent_keeps_beside_its_sessions_is_no_complaint_there_alone(
    tmp_path: Path, source: str, session: str, beside: str
) -> None:
    kept = tmp_path / beside
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("some text of its own")
    (found,) = list(read([kept]))
    assert "no known format" in found.error
    (tmp_path / session).parent.mkdir(parents=True, exist_ok=True)
    _good(tmp_path / session)
    (found,) = list(read([kept]))
    assert (found.source, found.error, list(found.events())) == (source, "", [])
    _good(kept)
    (found,) = list(read([kept]))
    assert list(found.events()), "a session that lies there is read"


def test_a_first_line_longer_than_the_head_is_recognised(tmp_path: Path) -> None:
    line = meta(base_instructions={"text": "x" * 200_000})
    found, _ = reading(write(tmp_path / "r", [line, codex("message", role="user", content="x")]))
    assert found.source == "codex"


def test_this_machines_agents_are_found_where_the_environment_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for place in (".claude/projects", ".codex/sessions", ".gemini/tmp", ".copilot/session-state"):
        (home / place).mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "projects").mkdir(parents=True)
    found = discover({}, home)
    assert [p.relative_to(home).parts[0] for p in found] == [
        ".claude",
        ".codex",
        ".copilot",
        ".gemini",
    ]
    moved = discover({"CLAUDE_CONFIG_DIR": str(elsewhere)}, home)
    assert elsewhere / "projects" in moved and home / ".claude" / "projects" not in moved
    (elsewhere / "claude" / "projects").mkdir(parents=True)
    moved = discover({"XDG_CONFIG_HOME": str(elsewhere)}, home)
    assert elsewhere / "claude" / "projects" in moved and home / ".claude" / "projects" in moved


@pytest.mark.skipif(not SHARED.exists(), reason="no recorded activity on this machine")
def test_every_recorded_file_is_read_or_says_why() -> None:
    unread = []
    for found in read([SHARED]):
        for _ in found.events():
            pass
        if found.error:
            unread.append(found.error)
        else:
            assert found.source, found.name
    assert all(": is " in error for error in unread), unread
