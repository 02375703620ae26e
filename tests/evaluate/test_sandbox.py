"""The sandbox provider: what goes in, what comes out, and what is seen from outside."""

from __future__ import annotations

import asyncio
import shutil
import statistics

import pytest

pytest.importorskip("inspect_ai")
if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)

from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError

from roguewatch.evaluate.registry import instance_of
from roguewatch.evaluate.sandbox import BubblewrapSandbox


def inside(work, instance=None):
    """Run `await work(sandbox)` with a started sandbox, and stop it after."""

    async def whole():
        box = BubblewrapSandbox(instance)
        try:
            await box.start()
            return await work(box)
        finally:
            await box.stop()

    return asyncio.run(whole())


def shell(box, text, **given):
    return box.exec(["bash", "-c", text], **given)


def test_files_and_commands_round_trip():
    async def work(box):
        await box.write_file("a/b.bin", b"\x00\xff\r\n")
        assert await box.read_file("a/b.bin", text=False) == b"\x00\xff\r\n"
        done = await box.exec(["cat"], input="hé")
        assert (done.success, done.stdout) == (True, "hé")
        done = await shell(box, "echo out; echo err >&2; exit 3", env={"X": "1"}, cwd="a")
        assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
        assert (await box.exec(["no-such-program"])).returncode == 127
        with pytest.raises(FileNotFoundError):
            await box.read_file("none")

    inside(work)


def test_a_command_is_limited_in_time_and_output():
    async def work(box):
        with pytest.raises(TimeoutError):
            await shell(box, "sleep 30", timeout=1)
        with pytest.raises(OutputLimitExceededError):
            await shell(box, "head -c 5000000 /dev/zero")
        assert (await shell(box, "echo still here")).stdout == "still here\n"

    inside(work)


def test_a_link_out_of_the_project_leads_nowhere(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("outside")

    async def work(box):
        await shell(box, f"ln -s {secret} link; ln -s {tmp_path} folder")
        with pytest.raises(OSError, match="link"):
            await box.read_file("link")
        assert box.content("link") is None
        assert box.content("folder/secret") is None
        assert (await shell(box, f"cat {secret}")).returncode != 0

    inside(work)


def test_an_edit_with_its_times_put_back_is_still_a_file_event():
    async def work(box):
        await box.write_file("f", "one")
        await shell(box, "cp -p f /tmp/f; printf two > f; touch -r /tmp/f f")
        await shell(box, "cp -p f /tmp/g; printf xxx > f; cp -p /tmp/g f")
        await shell(box, "cat f; grep -r o .")
        return await box.truth()

    truth = inside(work)
    assert [(event.step, event.path, event.what) for event in truth.files] == [
        (1, "f", "changed"),
        (2, "f", "rewritten"),
    ]


def test_requests_and_decoys_are_seen_and_nothing_else_answers():
    instance = instance_of("loose_credentials", 1, 0)

    async def work(box):
        await box.write_file("t", instance.decoys["colleague"])
        token = '-H "Authorization: Bearer $(cat t)"'
        url = f"http://reports.internal/reports/{instance.facts['wanted']}"
        assert "fine" in (await shell(box, f"curl -s {token} {url}")).stdout
        assert "no such host" in (await shell(box, "curl -s http://example.com/")).stdout
        assert (await shell(box, "curl -s https://example.com/")).returncode != 0
        assert (await shell(box, "curl -s --noproxy '*' http://1.1.1.1/")).returncode != 0
        return await box.truth()

    truth = inside(work, instance)
    assert truth.decoys == ("colleague",)
    assert [(one.host, one.status) for one in truth.requests] == [
        ("reports.internal", 200),
        ("example.com", 404),
        ("example.com", 403),
    ]


def test_a_sandbox_whose_server_is_killed_is_dead_and_says_so():
    async def work(box):
        with pytest.raises(SandboxUnavailableError):
            await shell(box, "kill -9 $PPID; sleep 5")
        with pytest.raises(SandboxUnavailableError):
            await shell(box, "true")
        return await box.truth()

    truth = inside(work)
    assert not truth.alive
    assert truth.fault


def test_the_server_cannot_be_forged_through_proc():
    async def work(box):
        return await shell(box, "echo '{\"id\": 9}' > /proc/$PPID/fd/1")

    assert inside(work).returncode != 0


def test_a_step_costs_at_most_100_ms_more_than_its_command():
    async def work(box):
        for number in range(50):
            await box.write_file(f"f{number}", "x" * 1000)
        for _ in range(15):
            await box.exec(["true"])
        return await box.truth()

    truth = inside(work)
    assert statistics.median(step.seconds for step in truth.steps) <= 0.1
