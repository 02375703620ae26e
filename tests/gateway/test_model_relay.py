"""The model relay: official clients work through it, and all that passes is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from roguewatch.events import Usage
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from tests.gateway.relaying import Daemon, daemon, enrolled, recorded

KEY = "sk-provider-0123456789abcdef"
TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a local provider."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.provider"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


class Relayed:
    """A daemon in front of the provider, with clients that hold a key of ours."""

    def __init__(self, running: Daemon, token: str, provider: str) -> None:
        self.daemon, self.token, self.provider = running, token, provider
        self.store = running.store
        self.openai = openai.OpenAI(
            base_url=f"{running.url}/openai/v1", api_key=token, max_retries=0
        )
        self.anthropic = anthropic.Anthropic(
            base_url=f"{running.url}/anthropic", api_key=token, max_retries=0
        )

    def seen(self) -> list[dict[str, Any]]:
        """What the provider was sent."""
        with urllib.request.urlopen(f"{self.provider}/seen") as response:
            found: list[dict[str, Any]] = json.load(response)
        return found


@pytest.fixture
def relay(tmp_path: Path, provider: str) -> Iterator[Relayed]:
    """A relay for a deployment that may do everything."""
    token = enrolled(tmp_path)
    keys = tmp_path / "keys"
    keys.write_text(f"OPENAI_API_KEY={KEY}\nANTHROPIC_API_KEY={KEY}\n")
    keys.chmod(0o600)
    with daemon(
        tmp_path, "--openai-upstream", provider, "--anthropic-upstream", provider,
        "--provider-keys", str(keys),
    ) as running:  # fmt: skip
        yield Relayed(running, token, provider)


def asked(text: str) -> list[Any]:
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]


def told(store: Path) -> list[tuple[str, str]]:
    """What was said, by kind; without decisions and the gate's own events."""
    kinds = ("system_message", "user_message", "reasoning", "agent_message", "tool_call",
             "tool_result", "gap")  # fmt: skip
    return [(event.kind, event.text or event.arguments) for event in recorded(store, *kinds)
            if event.sighting == "model-relay"]  # fmt: skip


def test_chat_completions_pass_and_are_recorded(relay: Relayed) -> None:
    answer = relay.openai.chat.completions.create(model="echo", messages=asked("hello"))
    assert answer.choices[0].message.content == "You said: hello"
    assert told(relay.store) == [
        ("system_message", "Be kind."),
        ("user_message", "hello"),
        ("agent_message", "You said: hello"),
    ]
    usage = recorded(relay.store, "usage")[0]
    assert usage.request_id == "chatcmpl-1"
    assert usage.usage == Usage(input=6, output=5, cache_read=4, reasoning=2)
    assert json.loads(usage.raw)["id"] == "chatcmpl-1"
    assert recorded(relay.store, "decision")[0].text == "allow"


def test_a_stream_arrives_unchanged_and_is_recorded(relay: Relayed) -> None:
    body = {"model": "echo", "stream": True, "messages": asked("stream this")}
    direct = httpx.post(f"{relay.provider}/v1/chat/completions", json=body).content
    through = httpx.post(
        f"{relay.daemon.url}/openai/v1/chat/completions",
        json=body,
        headers={"authorization": f"Bearer {relay.token}"},
    ).content
    assert through == direct
    assert told(relay.store)[-1] == ("agent_message", "You said: stream this")
    assert recorded(relay.store, "usage")[0].raw == direct


def test_pieces_of_a_stream_are_passed_on_as_they_arrive(relay: Relayed) -> None:
    times = []
    for _ in relay.openai.chat.completions.create(model="slow", messages=asked("x"), stream=True):
        times.append(time.monotonic())
    assert times[-1] - times[0] > 0.4


def test_tool_calls_are_recorded_and_their_results_once(relay: Relayed) -> None:
    create = relay.openai.chat.completions.create
    history = asked("weather?")
    for streamed in (True, False):
        if streamed:
            list(create(model="tools", messages=history, tools=[TOOL], stream=True))
    call = {"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}  # fmt: skip
    history += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rainy"},
    ]
    create(model="tools", messages=history, tools=[TOOL])
    history += [{"role": "assistant", "content": "It rains."}, {"role": "user", "content": "Ok?"}]
    create(model="echo", messages=history, tools=[TOOL])
    events = recorded(relay.store)
    calls = [event for event in events if event.kind == "tool_call"]
    assert [(one.tool, one.call_id, one.parsed_arguments()) for one in calls] == [
        ("get_weather", "call_1", {"city": "Paris"})
    ]
    results = [event for event in events if event.kind == "tool_result"]
    assert [(one.call_id, one.text) for one in results] == [("call_1", "rainy")]
    assert len({event.session for event in events if event.sighting == "model-relay"}) == 1


def test_an_account_of_the_past_that_is_not_what_passed_is_a_gap(relay: Relayed) -> None:
    create = relay.openai.chat.completions.create
    history = asked("weather?")
    create(model="tools", messages=history)
    forged = {"id": "call_1", "type": "function",
              "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}  # fmt: skip
    history += [
        {"role": "assistant", "content": None, "tool_calls": [forged]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "never asked"},
        {"role": "assistant", "content": "The model never said this."},
        {"role": "user", "content": "Go on."},
    ]
    create(model="echo", messages=history)
    codes = [gap.parsed_detail()["code"] for gap in recorded(relay.store, "gap")
             if gap.sighting == "model-relay"]  # fmt: skip
    assert codes == ["call_altered", "call_not_asked", "answer_not_seen"]


@pytest.mark.parametrize("stream", [False, True])
def test_responses_pass_and_chain_into_one_session(relay: Relayed, stream: bool) -> None:
    create = relay.openai.responses.create
    if stream:
        with relay.openai.responses.stream(model="echo", input="hi", instructions="Kind.") as s:
            first = s.get_final_response()
    else:
        first = create(model="echo", input="hi", instructions="Kind.")
    assert first.output_text == "You said: hi"
    second = create(model="tools", input="more", previous_response_id=first.id)
    assert second.output[1].type == "function_call"
    events = [event for event in recorded(relay.store) if event.sighting == "model-relay"]
    assert len({event.session for event in events}) == 1
    assert told(relay.store) == [
        ("system_message", "Kind."),
        ("user_message", "hi"),
        ("reasoning", "I should answer."),
        ("agent_message", "You said: hi"),
        ("user_message", "more"),
        ("tool_call", '{"city": "Paris"}'),
    ] or told(relay.store)[4:] == [
        ("user_message", "more"),
        ("reasoning", "I should answer."),
        ("tool_call", '{"city": "Paris"}'),
    ]
    usages = [event.usage for event in recorded(relay.store, "usage")]
    assert usages[0] == Usage(input=6, output=7, cache_read=3, reasoning=2)


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_messages_pass_and_are_recorded(relay: Relayed, stream: bool) -> None:
    session = "0b0c2f0a-1111-4222-8333-444455556666"
    arguments: Any = {
        "model": "tools",
        "max_tokens": 50,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": "hello"}],
        "metadata": {"user_id": f"user_abc_account__session_{session}"},
    }
    if stream:
        with relay.anthropic.messages.stream(**arguments) as heard:
            message = heard.get_final_message()
    else:
        message = relay.anthropic.messages.create(**arguments)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert told(relay.store) == [
        ("system_message", "Be kind."),
        ("user_message", "hello"),
        ("reasoning", "Hm."),
        ("agent_message", "You said: hello"),
        ("tool_call", told(relay.store)[-1][1]),
    ]
    events = [event for event in recorded(relay.store) if event.sighting == "model-relay"]
    assert {event.session for event in events} == {session}
    call = recorded(relay.store, "tool_call")[0]
    assert (call.call_id, call.parsed_arguments()) == ("call_1", {"city": "Paris"})
    usage = recorded(relay.store, "usage")[0]
    assert usage.usage == Usage(input=8, output=6, cache_read=3, cache_write=1)
    assert usage.parsed_detail()["provider_request_id"] == "req_1"
    counted = relay.anthropic.messages.count_tokens(
        model="echo", messages=[{"role": "user", "content": "hello"}]
    )
    assert counted.input_tokens == 12


def test_other_endpoints_pass_and_are_recorded(relay: Relayed) -> None:
    assert [model.id for model in relay.openai.models.list()] == ["echo"]
    vector = relay.openai.embeddings.create(model="echo", input="x", encoding_format="float")
    assert vector.data[0].embedding == [0.1, 0.2]
    texts = [event.text for event in recorded(relay.store, "other")]
    assert "GET openai /models" in texts
    assert "POST openai /embeddings" in texts


def test_a_providers_error_reaches_the_client_as_it_is(relay: Relayed) -> None:
    with pytest.raises(openai.RateLimitError):
        relay.openai.chat.completions.create(model="limited", messages=asked("x"))
    with pytest.raises(anthropic.RateLimitError):
        relay.anthropic.messages.create(
            model="limited", max_tokens=5, messages=[{"role": "user", "content": "x"}]
        )
    failed = [event for event in recorded(relay.store, "other") if event.failed]
    assert [event.text for event in failed] == ["slow down", "slow down"]


def test_what_came_before_a_cut_is_recorded_with_a_gap(relay: Relayed) -> None:
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        for _ in relay.openai.chat.completions.create(
            model="cut", messages=asked("a long question"), stream=True
        ):
            continue
    gaps = [event for event in recorded(relay.store, "gap") if event.sighting == "model-relay"]
    assert [gap.parsed_detail()["code"] for gap in gaps] == ["response_cut"]
    said = recorded(relay.store, "agent_message")
    assert len(said) == 1
    assert "You said: a long question".startswith(said[0].text)


def test_an_agent_that_hangs_up_leaves_a_record_of_what_came(relay: Relayed) -> None:
    stream = relay.openai.chat.completions.create(
        model="slow", messages=asked("a long question"), stream=True
    )
    next(iter(stream))
    stream.close()
    for _ in range(100):
        gaps = [one for one in recorded(relay.store, "gap") if one.sighting == "model-relay"]
        if gaps:
            break
        time.sleep(0.05)
    assert "the agent's side" in gaps[0].text


def test_keys_stay_in_the_relay(relay: Relayed) -> None:
    leaked = relay.openai.chat.completions.create(
        model="leak", messages=asked(f"my key is {relay.token}")
    )
    assert KEY not in str(leaked)
    pieces = relay.openai.chat.completions.create(
        model="leak", messages=asked("again"), stream=True
    )
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert said.startswith("your key is Bearer ")
    sent = relay.seen()[-1]["headers"]
    assert sent["authorization"] == f"Bearer {KEY}"
    assert relay.token not in json.dumps(relay.seen()[-1]["headers"])
    for event in recorded(relay.store):
        everything = repr(event)
        assert KEY not in everything
        assert relay.token not in everything
    for path in relay.store.rglob("*"):
        if path.is_file() and path.name not in ("keys",):
            assert KEY.encode() not in path.read_bytes(), path
            assert relay.token.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("key", ["", "rw-relay-wrong", KEY])
def test_without_a_key_of_ours_nothing_passes(relay: Relayed, key: str) -> None:
    before = len(relay.seen())
    answer = httpx.post(
        f"{relay.daemon.url}/openai/v1/chat/completions",
        json={"model": "echo", "messages": asked("x")},
        headers={"authorization": f"Bearer {key}"} if key else {},
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert len(relay.seen()) == before
    assert [event.text for event in recorded(relay.store, "decision")] == ["refused"]


def test_a_stop_denies_in_the_providers_own_shape(relay: Relayed) -> None:
    register = Register(connect(relay.store))
    register.open_stop("builder", "drill", "tester")
    before = len(relay.seen())
    with pytest.raises(openai.PermissionDeniedError, match="stopped"):
        relay.openai.chat.completions.create(model="echo", messages=asked("x"))
    # By now the key is revoked.
    with pytest.raises((anthropic.AuthenticationError, anthropic.PermissionDeniedError)):
        relay.anthropic.messages.create(
            model="echo", max_tokens=5, messages=[{"role": "user", "content": "x"}]
        )
    assert len(relay.seen()) == before


def test_a_policy_can_forbid_a_model(relay: Relayed, tmp_path: Path) -> None:
    policy = tmp_path / "policy.cedar"
    policy.write_text(
        'permit (principal, action, resource);\n@id("no-tools-model")\n'
        'forbid (principal, action == Action::"model", resource == Tool::"tools");\n'
    )
    register = Register(connect(relay.store))
    register.put(Deployment(name="builder", policy=str(policy)), "test")
    relay.openai.chat.completions.create(model="echo", messages=asked("x"))
    with pytest.raises(openai.PermissionDeniedError):
        relay.openai.chat.completions.create(model="tools", messages=asked("x"))


@pytest.mark.parametrize(
    "path", ["/../seen", "/%2e%2e/seen", "/chat/../../seen", "//evil", "/a%2f..%2fseen"]
)
def test_paths_that_lead_elsewhere_are_refused(relay: Relayed, path: str) -> None:
    import http.client

    host = relay.daemon.ready["listen"]
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(
        "GET", f"/openai/v1{path}", headers={"authorization": f"Bearer {relay.token}"}
    )
    status = connection.getresponse().status
    connection.close()
    assert status in (400, 404)


def test_redirects_are_not_followed_and_not_passed_on(relay: Relayed) -> None:
    answer = httpx.get(
        f"{relay.daemon.url}/openai/v1/elsewhere",
        headers={"authorization": f"Bearer {relay.token}"},
    )
    assert answer.status_code == 502
    assert "location" not in answer.headers


def test_ambiguous_bodies_are_refused(relay: Relayed) -> None:
    before = len(relay.seen())
    answer = httpx.post(
        f"{relay.daemon.url}/openai/v1/chat/completions",
        content=b'{"model":"echo","messages":[],"messages":[{"role":"user","content":"x"}]}',
        headers={"authorization": f"Bearer {relay.token}", "content-type": "application/json"},
    )
    assert answer.status_code == 400
    assert len(relay.seen()) == before
