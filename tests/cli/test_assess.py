"""`roguewatch assess`: what it writes, its exit status, and what it does with bad input."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from roguewatch.findings import LEVELS
from roguewatch.ledger.ledger import Ledger
from roguewatch.sources.reading import read
from tests.cli.run import ENVIRONMENT, EXAMPLES, ROOT, json_lines, ran, roguewatch, session
from tests.gateway.hooking import body, post
from tests.gateway.relaying import daemon, enrolled

SCHEMA = ROOT / "src/roguewatch/assess/assessment.schema.json"


def assess(tmp_path: Path, *arguments: str | Path, **more: Any) -> dict[str, Any]:
    done = roguewatch(
        "assess", *arguments, "--store", tmp_path / "store", "--out", tmp_path / "out", **more
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads((tmp_path / "out" / "assessment.json").read_text())
    document["stderr"] = done.stderr
    return document


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "activity"
    folder.mkdir()
    (folder / "good.jsonl").write_text(session("good", "hello", ("assistant", "hi")))
    return folder


def unread(document: dict[str, Any]) -> dict[str, str]:
    return {Path(line["path"]).name: line["reason"] for line in document["coverage"]["unread"]}


def test_the_example_is_assessed_and_follows_the_published_schema(tmp_path: Path) -> None:
    document = assess(tmp_path, EXAMPLES)
    assert document.pop("stderr") == ""
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["coverage"]["files_unread"] == 0
    assert {line["surface"] for line in document["agents"]} >= {
        "claude-code", "codex", "gemini-cli", "copilot-cli", "inspect", "otel", "chat", "swe-agent",
    }  # fmt: skip
    assert len(document["questions"]) == 15
    assert [cell["state"] for cell in document["verdict"]] == ["unassessed"] * 6
    assert document["ledger"]["size"] == document["events"]


def test_every_key_of_the_schema_is_documented() -> None:
    schema = json.loads(SCHEMA.read_text())
    for name, part in {"": schema, **schema["$defs"]}.items():
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"


def test_the_schema_is_the_one_that_the_structs_make() -> None:
    done = subprocess.run(
        [sys.executable, "tools/assessment_schema.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == SCHEMA.read_text()


def test_facts_named_by_cells_and_questions_exist(tmp_path: Path) -> None:
    document = assess(tmp_path, EXAMPLES)
    facts = {fact["id"] for fact in document["facts"]}
    named = [
        id for part in ("verdict", "questions") for row in document[part] for id in row["facts"]
    ]
    assert named and set(named) <= facts


def test_assessing_again_reads_nothing_twice_and_says_the_same(tmp_path: Path, good: Path) -> None:
    first = assess(tmp_path, good, EXAMPLES)
    again = assess(tmp_path, good, EXAMPLES)
    assert again["coverage"]["files_unchanged"] == first["coverage"]["files_read"]
    same = (
        "sessions",
        "events",
        "gaps",
        "agents",
        "unattended",
        "impactful",
        "findings",
        "permission_modes",
    )
    for key in same:
        assert again[key] == first[key], key
    assert again["ledger"]["size"] == first["ledger"]["size"]


def test_a_copy_or_longer_snapshot_adds_only_what_is_new(tmp_path: Path, good: Path) -> None:
    first = assess(tmp_path, good)
    shutil.copy(good / "good.jsonl", good / "copy.jsonl")
    assert assess(tmp_path, good)["events"] == first["events"]
    longer = session("good", "hello", ("assistant", "hi"), "and now?", *ran("x", "git push"))
    (good / "good.jsonl").write_text(longer)
    (one,) = assess(tmp_path, good)["sessions"]
    assert (one["user_messages"], one["tool_calls"]) == (2, 1)
    whole = assess(tmp_path / "fresh", good)
    assert whole["sessions"][0]["events"] == one["events"]


def test_only_the_paths_given_are_assessed_though_the_store_holds_more(
    tmp_path: Path, good: Path
) -> None:
    assess(tmp_path, good)
    other = tmp_path / "other.jsonl"
    other.write_text(session("other", "hello", ("assistant", "hi")))
    assert [line["session"] for line in assess(tmp_path, other)["sessions"]] == ["other"]


def test_since_leaves_out_sessions_that_ended_before(tmp_path: Path) -> None:
    document = assess(tmp_path, EXAMPLES, "--since", "2026-11-19")
    assert document["sessions"]
    assert all((line["ended"] or "9") >= "2026-11-19" for line in document["sessions"])


def test_sessions_without_a_date_in_a_window_are_counted_aloud(tmp_path: Path) -> None:
    options = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    done = roguewatch("assess", EXAMPLES, *options, "--since", "2126-12-01")
    document = json.loads((tmp_path / "out" / "assessment.json").read_text())
    undated = document["activity"]["sessions_without_time"]
    assert undated == len(document["sessions"]) > 0
    assert f"{undated} of the sessions have no date and are included" in done.stdout
    page = (tmp_path / "out" / "assessment.html").read_text()
    assert "whether they lie in the window is not known" in page
    done = roguewatch("assess", EXAMPLES, *options)
    assert "no date" not in done.stdout


def test_the_summary_says_how_to_list_what_it_leaves_out(tmp_path: Path) -> None:
    store = tmp_path / "a store"
    done = roguewatch("assess", EXAMPLES, "--store", store, "--out", tmp_path / "out")
    (more,) = (line for line in done.stdout.splitlines() if " more findings of " in line)
    command = shlex.split(more.partition("by roguewatch ")[2])
    listed = json_lines(roguewatch(*command, "--json").stdout)
    shown = [line for line in done.stdout.splitlines() if line[2:10].strip() in LEVELS]
    assert len(listed) == int(more.split()[2]) + sum(_times(line) for line in shown)


def _times(line: str) -> int:
    told = re.search(r" \((\d+) times\); ", line)
    return int(told[1]) if told else 1


def test_without_a_path_this_machines_agents_are_found(tmp_path: Path) -> None:
    projects = tmp_path / "claude" / "projects" / "-home-ada-app"
    projects.mkdir(parents=True)
    (projects / "s.jsonl").write_text(session("mine", "hello", ("assistant", "hi")))
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path / "claude")}
    assert [line["session"] for line in assess(tmp_path, env=env)["sessions"]] == ["mine"]


def test_nothing_to_assess_is_an_input_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in ([empty], [tmp_path / "absent"], []):
        done = roguewatch(
            "assess", *arguments, "--store", tmp_path / "s", "--out", tmp_path / "o", check=False
        )
        assert done.returncode == 2
        assert "roguewatch:" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("state", ["state.sqlite", "elsewhere.sqlite"])
def test_the_store_in_use_is_passed_over_quietly_and_any_other_is_named(
    tmp_path: Path, good: Path, state: str
) -> None:
    (good / "store").mkdir()

    def told() -> tuple[str, str, dict[str, str]]:
        arguments = (good, "--store", good / "store", "--out", tmp_path / "out")
        env = {"ROGUEWATCH_STATE_URL": f"sqlite:///{good / 'store' / state}"}
        done = roguewatch("assess", *arguments, env=env)
        document = json.loads((tmp_path / "out" / "assessment.json").read_text())
        return done.stdout, done.stderr, unread(document)

    for _ in range(2):
        out, complaints, left = told()
        assert (complaints, left) == ("", {})
        assert "0 findings" in out and "Judge the findings" not in out
    roguewatch("assess", good / "good.jsonl", "--store", good / "other", "--out", tmp_path / "o")
    assert list(told()[2]) == ["other"]


def test_a_path_that_is_not_there_is_named_once_and_the_rest_is_assessed(
    tmp_path: Path, good: Path
) -> None:
    document = assess(tmp_path, good, tmp_path / "absent")
    assert document["stderr"].count("absent") == 1 and "no such file" in document["stderr"]
    assert [line["session"] for line in document["sessions"]] == ["good"]


@pytest.mark.parametrize(
    "option", [("--since", "yesterday"), ("--since", ""), ("--fail-on", "awful"), ("--nope",)]
)
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, option: tuple[str, ...]) -> None:
    done = roguewatch("assess", EXAMPLES, "--store", tmp_path / "s", *option, check=False)
    assert done.returncode == 2


def test_fail_on_says_with_its_status_whether_findings_reach_the_level(
    tmp_path: Path, good: Path
) -> None:
    options = ("--store", tmp_path / "s", "--out", tmp_path / "o", "--fail-on", "high")
    assert roguewatch("assess", good, *options).returncode == 0
    assert roguewatch("assess", good, EXAMPLES, *options).returncode == 1
    assert (tmp_path / "o" / "assessment.html").exists()


def test_what_is_found_elsewhere_in_the_store_is_said_and_reaches_fail_on(
    tmp_path: Path, good: Path
) -> None:
    options = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    bad = tmp_path / "bad.jsonl"
    bad.write_text(session("bad", "go", *ran("a", "cat ~/.ssh/id_rsa"), *ran("b", "history -c")))
    roguewatch("assess", bad, *options)
    listed = json_lines(roguewatch("findings", "--store", options[1], "--json").stdout)
    done = roguewatch("assess", good, *options, "--fail-on", "high")
    assert done.returncode == 1
    assert f"1 session of this store with {len(listed)} findings" in done.stdout
    document = json.loads((tmp_path / "out" / "assessment.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    left = document["findings_elsewhere"]
    assert document["findings"] == []
    assert (left["sessions"], left["findings"], left["live"]) == (1, len(listed), 0)
    assert sum(left["levels"].values()) == len(listed) and left["worst"] in left["levels"]
    facts = {fact["id"]: fact for fact in document["facts"]}
    for id in ("findings", "findings.high"):
        assert f"{len(listed)} more in other sessions" in facts[id]["statement"]
    page = (tmp_path / "out" / "assessment.html").read_text()
    assert "are not in this report" in page
    assert "The detectors found nothing;" not in page
    # Outside the window, and among the files read, nothing is elsewhere.
    assert not _elsewhere(assess(tmp_path, good, "--since", "2026-11-17"))
    assert not _elsewhere(assess(tmp_path, good, bad))


def test_what_only_the_gate_saw_is_said_to_be_left_out(tmp_path: Path, good: Path) -> None:
    store = tmp_path / "store"
    token = enrolled(store, "observe", "hook")
    home = ENVIRONMENT["HOME"]
    places = {
        "ROGUEWATCH_KEYS": f"{home}/.config/roguewatch/keys",
        "ROGUEWATCH_WITNESS": f"{home}/.local/state/roguewatch/witness",
    }
    with daemon(store, **places) as gate:
        post(gate.ready["listen"], token, body(command="cat ~/.ssh/id_rsa; history -c"))
        _until_found(store)
    done = roguewatch("assess", good, "--store", store, "--out", tmp_path / "out")
    assert "NOT IN THIS REPORT" in done.stdout
    document = json.loads((tmp_path / "out" / "assessment.json").read_text())
    assert 0 < _elsewhere(document) == document["findings_elsewhere"]["live"]
    page = (tmp_path / "out" / "assessment.html").read_text()
    assert "</strong>: they came from the gate. No number below" in page
    # Without a path all that the store holds is assessed, also where no file is found.
    done = roguewatch("assess", "--store", store, "--out", tmp_path / "out")
    assert "NOT IN THIS REPORT" not in done.stdout
    assert "1 session is told of by no file" in done.stdout
    document = json.loads((tmp_path / "out" / "assessment.json").read_text())
    assert {line["session"] for line in document["sessions"]} > {"good"}
    (live,) = (line for line in document["sessions"] if line["session"] != "good")
    assert (live["surface"], live["tool_calls"], live["path"]) == ("claude-code", 1, "")
    assert live["findings"] > 0 == _elsewhere(document)
    assert document["coverage"]["paths"] == ["(all that the store holds)"]


def _elsewhere(document: dict[str, Any]) -> int:
    count: int = document["findings_elsewhere"]["findings"]
    return count


def _until_found(store: Path) -> None:
    for _ in range(100):
        if roguewatch("findings", "--store", store, "--json").stdout:
            return
        time.sleep(0.2)
    raise AssertionError("the gate found nothing")


def test_json_prints_the_whole_assessment_on_one_line(tmp_path: Path, good: Path) -> None:
    done = roguewatch("assess", good, "--store", tmp_path / "s", "--out", tmp_path / "o", "--json")
    (document,) = json_lines(done.stdout)
    assert document == json.loads((tmp_path / "o" / "assessment.json").read_text())


def test_files_that_cannot_be_read_are_named_with_a_reason_and_the_rest_is_assessed(
    tmp_path: Path, good: Path
) -> None:
    (good / "empty.jsonl").touch()
    (good / "binary.bin").write_bytes(bytes(range(256)) * 64)
    (good / "prose.txt").write_text("Dear diary, today no agent did anything.\n")
    (good / "loop").symlink_to(good, target_is_directory=True)
    (good / "dangling").symlink_to(good / "nowhere")
    os.mkfifo(good / "pipe")
    bomb = good / "bomb.eval"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "header.json", json.dumps({"version": 2, "eval": {"model": "m", "task": "t"}})
        )
        with archive.open("samples/1_epoch_1.json", "w", force_zip64=True) as member:
            for _ in range(600):
                member.write(b" " * (1 << 20))
    document = assess(tmp_path, good)
    assert [line["session"] for line in document["sessions"]].count("good") == 1
    reasons = unread(document)
    for name in ("empty.jsonl", "binary.bin", "prose.txt", "loop", "dangling", "pipe"):
        assert reasons[name], name
        assert name in document["stderr"]
    # The archive itself is sound: what is too large in it is one gap, counted and not unpacked.
    assert "bomb.eval" not in reasons
    assert [gap["count"] for gap in document["gaps"] if gap["code"] == "malformed"] == [1]
    assert document["coverage"]["files_unread"] == len(reasons)


def _bound_by_permissions() -> None:
    """Root passes over permissions: give up the capabilities that let it (capabilities(7))."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                os._exit(97)


def test_a_folder_without_permission_is_named_and_the_rest_is_assessed(
    tmp_path: Path, good: Path
) -> None:
    secret = good / "secret"
    secret.mkdir(mode=0o000)
    locked = good / "locked.jsonl"
    locked.write_text(session("locked", "hello"))
    locked.chmod(0o000)
    if os.geteuid() == 0:
        os.chown(secret, 65534, 65534)
        os.chown(locked, 65534, 65534)
    document = assess(tmp_path, good, preexec_fn=_bound_by_permissions)
    reasons = unread(document)
    assert reasons["secret"] == "permission denied"
    assert "permission denied" in reasons["locked.jsonl"]
    assert [line["session"] for line in document["sessions"]] == ["good"]


def test_a_full_disk_gives_a_clear_message_and_what_was_kept_is_assessed(
    tmp_path: Path, good: Path
) -> None:
    assess(tmp_path, good)
    for n in range(30):
        text = "".join(
            session(f"big{n}-{m}", os.urandom(4096).hex(), ("assistant", "hi")) for m in range(20)
        )
        (good / f"more{n}.jsonl").write_text(text)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000));"
        "from roguewatch.cli import main; sys.argv[0] = 'roguewatch'; main()"
    )
    out = tmp_path / "out2"
    done = subprocess.run(
        [sys.executable, "-c", code, "assess", good, "--store", tmp_path / "store", "--out", out],
        capture_output=True, text=True, check=False, timeout=120, env=ENVIRONMENT,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 2)
    assert "roguewatch:" in done.stderr
    # with room again, the same command finishes the work
    document = assess(tmp_path, good)
    assert len(document["sessions"]) == 601
    assert document["coverage"]["files_unread"] == 0


@pytest.mark.soak
def test_a_line_of_200_megabytes_costs_no_other_line(tmp_path: Path) -> None:
    lines = session("long", "first", ("user", "MARK"), ("assistant", "last")).encode()
    before, after = lines.split(b"MARK")
    path = tmp_path / "long.jsonl"
    with path.open("wb") as stream:
        stream.write(before)
        for _ in range(200):
            stream.write(b"abcdefg " * (1 << 17))
        stream.write(after)
    document = assess(tmp_path, path)
    (line,) = document["sessions"]
    assert (line["user_messages"], line["gaps"]) == (2, 0)
    assert document["coverage"]["files_unread"] == 0


def test_a_file_that_grows_while_it_is_read_is_read_as_it_was_and_later_in_full(
    tmp_path: Path, good: Path
) -> None:
    growing = good / "growing.jsonl"
    growing.write_text(session("growing", *["x" * 2000] * 3000))
    code = "import sys, time\nwhile True:\n open(sys.argv[1], 'a').write(sys.argv[2])\n time.sleep(0.002)"
    line = session("growing-more", "more")
    writer = subprocess.Popen([sys.executable, "-c", code, str(growing), line])
    try:
        document = assess(tmp_path, good)
    finally:
        writer.kill()
        writer.wait()
    assert "growing" in {found["session"] for found in document["sessions"]}
    size = len(growing.read_text().splitlines())
    again = assess(tmp_path, good)
    counts = {found["session"]: found["user_messages"] for found in again["sessions"]}
    assert counts["growing"] == 3000
    assert size >= 3000


def test_interrupted_anywhere_the_store_is_consistent_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "activity"
    folder.mkdir()
    for n in range(24):
        parts = [
            part for m in range(40) for part in ran(f"{n}-{m}", f"git push origin b{m}", "ok" * 200)
        ]
        (folder / f"{n:02}.jsonl").write_text(session(f"s{n}", "go", *parts))
    whole = assess(tmp_path / "whole", folder)
    started = time.monotonic()
    assess(tmp_path / "timing", folder)
    seconds = time.monotonic() - started
    code = "from roguewatch.cli import main; main()"
    store = tmp_path / "store"
    for n, kind in enumerate((signal.SIGINT, signal.SIGKILL, signal.SIGINT, signal.SIGKILL)):
        process = subprocess.Popen(
            [sys.executable, "-c", code, "assess", folder, "--store", store, "--out", tmp_path / "o"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
        time.sleep(seconds * (0.35 + 0.15 * n))
        process.send_signal(kind)
        _, err = process.communicate(timeout=60)
        assert b"Traceback" not in err, err.decode()
    document = assess(tmp_path, folder)
    for key in ("sessions", "events", "findings", "impactful", "permission_modes", "unattended"):
        assert document[key] == whole[key], key
    done = roguewatch("ledger", "fsck", "--store", store, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("share", [0.5, 1])
def test_events_made_durable_by_a_run_killed_before_its_first_transaction_are_assessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    whole = assess(tmp_path / "whole", EXAMPLES)
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):  # where the command has its key
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", ENVIRONMENT["HOME"])
    events = [event for reading in read([EXAMPLES]) for event in reading.events()]
    with Ledger.open(tmp_path / "store") as ledger:
        ledger.append(events[: int(len(events) * share)])
    document = assess(tmp_path, EXAMPLES)
    for key in ("sessions", "events", "findings", "impactful", "permission_modes", "unattended"):
        assert document[key] == whole[key], key


@pytest.mark.parametrize("day", ["9999-11-16", "0001-01-01", "0999-11-16"])
def test_lone_surrogates_null_characters_and_impossible_dates_cost_nothing(
    tmp_path: Path, good: Path, day: str
) -> None:
    lines = session("s\ud800\x00x", "hi \udfff", *ran("t\ud801", "ls \ud800; git push --force"))
    (good / "odd.jsonl").write_text(lines.replace("2026-11-16", day))
    document = assess(tmp_path, good)
    assert document["coverage"]["files_unread"] == 0
    assert sum(line["tool_calls"] for line in document["sessions"]) == 1
    assert assess(tmp_path, good)["sessions"] == document["sessions"]


def test_help_is_quick() -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "roguewatch", "--help"], capture_output=True, check=True
        )
        times.append(time.perf_counter() - started)
    assert b"assess" in done.stdout
    assert min(times) < 0.5  # the 150 ms of an idle machine are measured by the benchmark


def test_assessing_and_listing_scenarios_need_none_of_the_optional_parts(
    tmp_path: Path, good: Path
) -> None:
    block = (
        "import sys\n"
        "for name in ('inspect_ai', 'psutil', 'dns', 'matplotlib', 'pandas', 'sklearn',\n"
        "             'statsmodels', 'psycopg', 'duckdb'): sys.modules[name] = None\n"
        "from roguewatch.cli import main\n"
        "main()\n"
    )
    for words in (
        ["assess", good, "--store", tmp_path / "store", "--out", tmp_path / "out"],
        ["evaluate", "list", "--json"], ["facts", "--store", tmp_path / "store"],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", block, *map(str, words)],
            capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
