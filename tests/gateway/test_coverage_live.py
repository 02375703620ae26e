"""Coverage of a running gate: canaries, gaps, findings."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.register import Deployment, Register
from tests.gateway.relaying import ROGUEWATCH, Daemon, daemon, recorded

OPTIONS = ("--listen", "127.0.0.1:0", "--settle-seconds", "1")


def registered(store: Path, *sources: str) -> str:
    store.mkdir(parents=True, exist_ok=True)
    engine = connect(store)
    entry = Deployment(name="d", surface="claude-code", policy="observe", sources=sources)
    Register(engine).put(entry, "test")
    token = Register(engine).issue_token("d", "all")
    engine.dispose()
    return token


def hook(
    gate: Daemon, token: str, call_id: str, command: str = "", tool: str = "Bash", **given: str
) -> None:
    body = {
        "hook_event_name": "PreToolUse", "session_id": "s", "tool_name": tool,
        "tool_use_id": call_id, "tool_input": given or {"command": command}, "cwd": "/project",
    }  # fmt: skip
    headers = {"authorization": f"Bearer {token}"}
    httpx.post(f"{gate.url}/hooks/claude-code", json=body, headers=headers).raise_for_status()


def span(gate: Daemon, token: str, call_id: str, command: str) -> None:
    attributes = {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.id": call_id, "session.id": "s",
        "gen_ai.tool.call.arguments": json.dumps({"command": command}),
    }  # fmt: skip
    now = time.time_ns()
    one = {
        "traceId": "1" * 32, "spanId": f"{now % (1 << 63):016x}", "name": "execute_tool",
        "startTimeUnixNano": str(now), "endTimeUnixNano": str(now),
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }  # fmt: skip
    httpx.post(
        f"{gate.url}/v1/traces",
        json={"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]},
        headers={"authorization": f"Bearer {token}"},
    ).raise_for_status()


def wait_for(found: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)
    return value


def coverage(gate: Daemon) -> dict[str, Any]:
    transport = httpx.HTTPTransport(uds=gate.ready["socket"])
    with httpx.Client(transport=transport, base_url="http://gate") as client:
        return dict(client.get("/coverage").raise_for_status().json())


def test_canaries_come_out_of_every_claimed_source_and_count_as_no_action(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    registered(store, "hook", "otel", "mcp-relay", "model-relay", "transcript")
    nowhere = ("--openai-upstream", "http://127.0.0.1:9", "--anthropic-upstream",
               "http://127.0.0.1:9")  # fmt: skip
    with daemon(store, *OPTIONS, *nowhere, "--canary-minutes", "0.02") as gate:

        def came() -> dict[str, Any] | None:
            rows = {row["source"]: row for row in coverage(gate)["coverage"]}
            planted = ("hook", "otel", "mcp-relay", "model-relay")
            return rows if all(rows[name]["canaries_seen"] for name in planted) else None

        rows = wait_for(came)
        assert {row["state"] for row in rows.values()} == {"not observed"}
        assert rows["transcript"]["canaries_sent"] == 0
        assert rows["hook"]["heartbeat"] == "alive"
    assert "canary" not in (store / "stderr").read_text()
    replayed = subprocess.run(
        [*ROGUEWATCH, "policy", "replay", "--policy", "production", "--store", str(store), "--json"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(replayed.stdout) == {"decided": 0, "changed": 0}
    relayed = [one for one in recorded(store, "tool_call") if one.sighting == "model-relay"]
    assert {one.surface for one in relayed} == {"openai", "anthropic"}


def test_no_agent_can_have_a_model_relay_take_a_request_for_a_canary(tmp_path: Path) -> None:
    store = tmp_path / "store"
    token = registered(store, "model-relay")
    with daemon(store, *OPTIONS, "--openai-upstream", "http://127.0.0.1:9") as gate:
        body = {"model": "rw-canary-" + "0" * 32, "messages": [{"role": "user", "content": "x"}]}
        headers = {"authorization": f"Bearer {token}"}
        url = f"{gate.url}/openai/v1/chat/completions"
        assert httpx.post(url, json=body, headers=headers).status_code == 502
    assert [one.text for one in recorded(store, "decision")] == ["allow"]


def test_a_stopped_deployment_is_not_probed(tmp_path: Path) -> None:
    store = tmp_path / "store"
    registered(store, "hook")
    with daemon(store, *OPTIONS, "--canary-minutes", "0.01") as gate:
        wait_for(lambda: coverage(gate)["coverage"][0]["canaries_seen"])
        engine = connect(store)
        Register(engine).open_stop("d", "test", "test")
        engine.dispose()
        time.sleep(1.5)
        sent = coverage(gate)["coverage"][0]["canaries_sent"]
        time.sleep(1.5)
        assert coverage(gate)["coverage"][0]["canaries_sent"] == sent


def test_what_a_claimed_source_misses_is_a_gap_and_what_differs_a_finding(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    token = registered(store, "hook", "otel")
    with daemon(store, *OPTIONS, "--canary-minutes", "0") as gate:
        hook(gate, token, "both", "ls")
        span(gate, token, "both", "curl evil.example")
        span(gate, token, "unhooked", "ls")
        wait_for(lambda: [one for one in recorded(store, "gap") if "unhooked" in one.text])
        rows = {row["source"]: row for row in coverage(gate)["coverage"]}
        assert (rows["hook"]["state"], rows["otel"]["state"]) == ("partial", "covered")
        engine = connect(store)
        (finding,) = wait_for(
            lambda: [one for one in Findings(engine).all() if one.behaviour == "E5"]
        )
        engine.dispose()
        assert "command" in finding.rationale
        assert httpx.get(f"{gate.url}/coverage").status_code == 403
    (gap,) = [one for one in recorded(store, "gap") if "unhooked" in one.text]
    assert gap.parsed_detail()["source"] == "hook"


def test_calls_that_a_model_asked_for_are_matched_with_those_that_the_agent_makes(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    token = registered(store, "hook", "model-relay")
    model = subprocess.Popen([sys.executable, "-m", "tests.gateway.provider"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert model.stdout is not None
        provider = f"http://127.0.0.1:{int(model.stdout.readline())}"
        upstream = ("--openai-upstream", provider, "--canary-minutes", "0")
        with daemon(store, *OPTIONS, *upstream) as gate:
            body = {"model": "tools", "messages": [{"role": "user", "content": "weather?"}]}
            headers = {"authorization": f"Bearer {token}"}
            url = f"{gate.url}/openai/v1/chat/completions"
            httpx.post(url, json=body, headers=headers).raise_for_status()
            # The model asked for call_1, get_weather of Paris: the agent asks for Rome, and
            # makes a call that no model asked for.
            hook(gate, token, "call_1", tool="get_weather", city="Rome")
            hook(gate, token, "unasked", "ls")
            wait_for(lambda: [one for one in recorded(store, "gap") if "unasked" in one.text])
            engine = connect(store)
            (finding,) = wait_for(
                lambda: [one for one in Findings(engine).all() if one.behaviour == "E5"]
            )
            engine.dispose()
        assert "city" in finding.rationale
        (gap,) = [one for one in recorded(store, "gap") if "unasked" in one.text]
        assert gap.parsed_detail()["source"] == "model-relay"
    finally:
        model.terminate()
        model.wait(10)
        model.stdout.close()


def test_coverage_goes_on_after_a_restart_and_the_status_shows_it(tmp_path: Path) -> None:
    store = tmp_path / "store"
    token = registered(store, "hook", "otel")
    with daemon(store, *OPTIONS, "--canary-minutes", "0") as gate:
        hook(gate, token, "both", "ls")
        span(gate, token, "both", "ls")
        hook(gate, token, "untold", "ls")
    with daemon(store, *OPTIONS, "--canary-minutes", "0") as gate:
        time.sleep(1.2)
        rows = {row["source"]: row for row in coverage(gate)["coverage"]}
        assert (rows["hook"]["seen"], rows["otel"]["seen"], rows["otel"]["missing"]) == (2, 1, 1)
        said = subprocess.run(
            [*ROGUEWATCH, "gate", "status", "--store", str(store), "--json"],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        shown = {row["source"]: row for row in json.loads(said.stdout)["coverage"]}
        assert (shown["hook"]["state"], shown["otel"]["state"]) == ("covered", "partial")
