"""The `gen_ai.*` attributes that are known: what else carries that prefix is new to this reader.

The registry of the OpenTelemetry semantic conventions for generative AI (1.27 to 1.38,
those of their own repository since, deprecated names included), the names of their prototypes, and those of the any-agent dump.
Attributes outside the prefix belong to other conventions and are no concern of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_PREFIX = "gen_ai."

_NUMBERED = ("gen_ai.prompt.", "gen_ai.completion.")
"""Messages spread over attributes: `gen_ai.prompt.0.role`."""

_GROUPS = {
    "": "completion external_ref output prompt system system_instructions",
    "agent.": "description id name version",
    "call.": "id",
    "content.": "completion prompt",
    "conversation.": "id",
    "data_source.": "id",
    "embeddings.": "dimension.count",
    "evaluation.": "explanation name result score.label score.value",
    "event.": "content",
    "input.": "messages",
    "openai.": "api.type request.response_format request.seed request.service_tier "
    "response.service_tier response.system_fingerprint",
    "memory.": "query.text record.count record.id records store.id",
    "operation.": "name",
    "output.": "messages type",
    "provider.": "name",
    "request.": "choice.count embedding.format encoding_formats frequency_penalty is_stream "
    "max_tokens model presence_penalty seed stop_sequences stream temperature top_k top_p",
    "response.": "finish_reason finish_reasons id model time_to_first_chunk",
    "retrieval.": "documents query.text top_k",
    "token.": "cache modality phase type",
    "tool.": "args call.arguments call.id call.response call.result definitions description "
    "message name type",
    "usage.": "audio.input_tokens audio.output_tokens image.input_tokens image.output_tokens "
    "text.input_tokens text.output_tokens video.input_tokens video.output_tokens "
    "cache_creation.input_tokens cache_creation_input_tokens cache_read.input_tokens "
    "cache_read_input_tokens completion_tokens input_cost input_tokens output_cost "
    "output_tokens prompt_tokens reasoning.output_tokens total_cost total_tokens",
    "workflow.": "name",
}

KNOWN = frozenset(
    f"{_PREFIX}{group}{name}" for group, names in _GROUPS.items() for name in names.split()
)


def unknown(attributes: Iterable[str]) -> Iterator[str]:
    """Those names under `gen_ai.` that this reader does not know."""
    for name in attributes:
        if name not in KNOWN and name.startswith(_PREFIX) and not name.startswith(_NUMBERED):
            yield name
