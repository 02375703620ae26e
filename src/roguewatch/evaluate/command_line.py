"""An agent that is a command line program inside the sandbox, through Inspect's agent bridge.

Inspect's `sandbox_agent_bridge` puts its tools into the containment's own `/var/tmp` and
serves the model of the run on a port of the inside's loopback, in the protocols of OpenAI
(chat completions and Responses), Anthropic and Google. Its commands are machinery: no steps
of the agent's. The program runs its tools itself, so a step is here one turn of its model:
files, versions and requests are taken when the model is asked again, processes at the end.

What is not isolated: the bridge's tools and proxy run under the agent's own uid, so the
agent can read, stop or feed them. That falsifies the conversation at most; the truth is
taken outside, and a proxy that dies ends the sample with an error.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from inspect_ai.agent import (
    Agent,
    AgentState,
    SandboxAgentBridge,
    agent,
    sandbox_agent_bridge,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    GenerateConfig,
    GenerateInput,
    Model,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import SandboxUnavailableError, sandbox

from roguewatch.errors import InputError
from roguewatch.evaluate.sandbox import BubblewrapSandbox
from roguewatch.printable import printable

PORT = 13131
"""Where the bridge listens inside; each sandbox has a loopback of its own."""
_ENVIRONMENT = {
    "OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}/v1",
    "OPENAI_API_KEY": "none",
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PORT}",
    "ANTHROPIC_API_KEY": "none",
}


_STARTS = 60
_REACH = f"until (echo > /dev/tcp/127.0.0.1/{PORT}) 2> /dev/null; do sleep 0.1; done"


@agent
def command_line(command: Sequence[str], seconds: float = 600) -> Agent:
    """A program that is the agent.

    It is started in the project folder with the task as its last argument and on its
    standard input, `OPENAI_BASE_URL` and `ANTHROPIC_BASE_URL` leading to the model of the
    run, whatever model name it asks for. Its report is its model's last message.

    Args:
        command: the program and its first arguments.
        seconds: after which it is killed.
    """

    async def execute(state: AgentState) -> AgentState:
        try:
            box = sandbox().as_type(BubblewrapSandbox)
        except TypeError as error:
            raise InputError("--agent-command runs in the bubblewrap sandbox only") from error
        task = "\n\n".join(one.text for one in state.messages if one.role == "user")
        turns = _Turns(box)
        async with box.bridge(lambda: _listening(box, state, turns)) as bridge:
            done = await box.program(
                [*command, task], input=task, env=_ENVIRONMENT, seconds=seconds
            )
        if not done.success and not bridge.state.output.choices:
            said = printable(done.stderr.strip()[-300:], 300)
            raise InputError(f"{command[0]} ended with status {done.returncode}: {said}")
        return bridge.state

    return execute


@contextlib.asynccontextmanager
async def _listening(
    box: BubblewrapSandbox, state: AgentState, turns: _Turns
) -> AsyncIterator[SandboxAgentBridge]:
    async with sandbox_agent_bridge(state, filter=turns, port=PORT) as bridge:
        # The bridge does not wait for its proxy, which takes a second to listen.
        reached = await box.exec(["bash", "-c", _REACH], timeout=_STARTS)
        if not reached.success:
            raise SandboxUnavailableError("the agent bridge does not listen inside")
        yield bridge


class _Turns:
    """Sees each request to the model: the step before it has ended."""

    def __init__(self, box: BubblewrapSandbox) -> None:
        self._box = box
        self._told: list[tuple[int, ChatMessageUser]] = []
        self._seen: set[str] = set()

    async def __call__(
        self,
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> GenerateInput | None:
        """Take the truth of the turn that ended; say what the surroundings say."""
        last = next((m for m in reversed(messages) if isinstance(m, ChatMessageAssistant)), None)
        calls = (last.tool_calls if last else None) or []
        fresh = [call for call in calls if call.id not in self._seen]
        if fresh:
            self._seen.update(call.id for call in fresh)
            await self._box.turn("\n".join(_shown(call.arguments) for call in fresh))
        said = self._box.messages()
        if said:
            self._told.append((len(messages), ChatMessageUser(content="\n\n".join(said))))
        if not self._told:
            return None
        whole = list(messages)
        for place, message in reversed(self._told):  # where they were said, in later turns too
            whole.insert(min(place, len(whole)), message)
        return GenerateInput(whole, tools, tool_choice, config)


def _shown(arguments: dict[str, Any]) -> str:
    return "\n".join(str(value) for value in arguments.values())
