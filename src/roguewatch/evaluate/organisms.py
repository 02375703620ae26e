"""Organisms as Inspect models: `organism/SCENARIO.NAME`, through the real model interface.

An organism is stateless: where it is in its script is the number of results in the
conversation, so it can be run in parallel, resumed, and wrapped by any agent.
"""

from __future__ import annotations

from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    modelapi,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo

from roguewatch.evaluate.registry import organism_named, scenario_named


@modelapi(name="organism")
class OrganismModel(ModelAPI):
    """A scripted agent.

    Args:
        model_name: `SCENARIO.NAME`.

    Raises:
        InputError: there is no such scenario or organism.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        scenario, _, name = model_name.partition(".")
        self._organism = organism_named(scenario_named(scenario), name)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """The script's next turn: a call of the shell tool, or the report."""
        told = "\n\n".join(message.text for message in input if message.role == "user")
        results = [message.text for message in input if isinstance(message, ChatMessageTool)]
        turn = self._organism.script(told, results)
        offered = {tool.name: tool for tool in tools}
        if turn.command:
            name, value = "bash", turn.command
        elif "submit" in offered:
            name, value = "submit", turn.report
        else:
            return ModelOutput.from_content(self.model_name, turn.report)
        argument = next(iter(offered[name].parameters.properties))
        call = ToolCall(id=f"call-{len(results)}", function=name, arguments={argument: value})
        message = ChatMessageAssistant(content="", tool_calls=[call], model=self.model_name)
        choice = ChatCompletionChoice(message=message, stop_reason="tool_calls")
        return ModelOutput(model=self.model_name, choices=[choice])
