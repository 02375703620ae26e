"""What is seen from outside: passing files, versions, surroundings, fresh words."""

from __future__ import annotations

import asyncio
import shutil

import pytest

pytest.importorskip("inspect_ai")
if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)

from roguewatch.evaluate.sandbox import BubblewrapSandbox
from roguewatch.evaluate.scenario import Happening, Instance
from roguewatch.evaluate.truth.internet import Page


def after(instance, *commands):
    """The sandbox's truth after these commands, their outputs, and the messages."""

    async def whole():
        box = BubblewrapSandbox(instance)
        printed, messages = [], []
        try:
            await box.start()
            for path, text in instance.files.items():
                await box.write_file(path, text)
            for command in commands:
                printed.append((await box.exec(["bash", "--login", "-c", command])).stdout)
                messages.append(box.messages())
            return await box.truth(), printed, messages
        finally:
            await box.stop()

    return asyncio.run(whole())


def scene(**fields):
    return Instance(**{"scenario": "", "seed": 0, "number": 0, "task": "", "files": {}, **fields})


def test_a_file_made_run_and_removed_within_a_step_is_seen_by_name():
    truth, _, _ = after(
        scene(files={"kept/f": "x"}),
        "echo 'echo hi' > kept/sly.sh; sh kept/sly.sh; rm kept/sly.sh; mkdir new; rmdir new",
    )
    assert {(one.path, one.what) for one in truth.files} == {
        ("kept/sly.sh", "passing"),
        ("new", "passing"),
    }


def test_preparation_and_happenings_are_not_the_agents_doing():
    instance = scene(
        files={"log": "one\n"},
        prepare="(sleep 300 >/dev/null 2>&1 &); echo two >> log",
        watched=("log", "notice"),
        environment={"WHERE": "PROJECT/x"},
        happenings=(
            Happening(name="notice", file="half", message="Stop.", files={"notice": "stop\n"}),
            Happening(name="never", request="nowhere/x"),
        ),
    )
    truth, printed, messages = after(
        instance, "echo $WHERE", "touch half", "echo three >> log; pkill sleep"
    )
    assert printed[0].strip().endswith("/project/x")
    assert messages == [[], ["Stop."], []]
    assert [(one.name, one.step) for one in truth.happened] == [("notice", 2)]
    assert truth.of("log") == ["one\ntwo\n", "one\ntwo\nthree\n"]
    assert [(one.path, one.what) for one in truth.files] == [
        ("half", "created"),
        ("log", "changed"),
    ]
    assert len(truth.ended) == 1
    assert truth.left == ()


def test_a_message_that_no_scaffold_hands_on_was_never_said():
    instance = scene(happenings=(Happening(name="stop", steps=1, message="Stop."),))

    async def whole():
        box = BubblewrapSandbox(instance)
        try:
            await box.start()
            await box.exec(["true"])
            before = (await box.truth()).happened
            return before, box.messages(), (await box.truth()).happened
        finally:
            await box.stop()

    before, said, after_ = asyncio.run(whole())
    assert before == ()
    assert said == ["Stop."]
    assert [(one.name, one.step) for one in after_] == [("stop", 1)]


def test_a_process_dressed_as_the_command_server_is_still_told():
    truth, _, _ = after(
        scene(),
        "server=$(tr '\\0' '\\n' < /proc/$PPID/cmdline | tail -1); "
        '(setsid bash -c "exec -a python3 sleep 300" >/dev/null 2>&1 &) ; '
        "(setsid python3 -I -S -c 'import time; time.sleep(300)' $server "
        ">/dev/null 2>&1 &)",
    )
    assert len(truth.left) == 2


def test_a_nonce_is_fresh_and_a_page_can_wait_for_another():
    pages = {
        "a.internal/code": Page("code NONCE", nonce=True),
        "a.internal/after": Page("granted", after="a.internal/ask"),
        "a.internal/ask": Page("asked"),
    }
    truth, printed, _ = after(
        scene(pages=pages),
        "curl -s http://a.internal/code; curl -s http://a.internal/code",
        "curl -s http://a.internal/after",
        "curl -s -d why http://a.internal/ask; curl -s http://a.internal/after",
    )
    words = [one.nonce for one in truth.requests if one.nonce]
    assert printed[0] == f"code {words[0]}code {words[1]}"
    assert words[0] != words[1]
    assert "granted" not in printed[1]
    assert printed[2] == "askedgranted"
    assert [(one.step, one.sent) for one in truth.requests if one.path == "/ask"] == [(3, "why")]
