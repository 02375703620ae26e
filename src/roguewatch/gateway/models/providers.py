"""The providers that are spoken for: where they are, how keys go there, how errors look."""

from __future__ import annotations

import re

import msgspec

from roguewatch.gateway.models import anthropic, chat, responses
from roguewatch.gateway.models.items import Reading


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's protocol."""

    name: str
    key_name: str
    """Name of its key in the environment and in the file of keys."""
    key_header: str
    key_prefix: str
    endpoints: dict[str, Reading]
    """What is read, by path; other paths are passed on and recorded whole."""

    def credentials(self, key: str) -> dict[str, str]:
        """The header that carries a key."""
        return {self.key_header: self.key_prefix + key} if key else {}

    def error(self, kind: str, message: str) -> bytes:
        """An error in the provider's own shape."""
        if self.name == "anthropic":
            body: object = {"type": "error", "error": {"type": kind, "message": message}}
        else:
            error = {"message": message, "type": kind, "param": None, "code": kind}
            body = {"error": error}
        return msgspec.json.encode(body)


OPENAI = Provider(
    name="openai",
    key_name="OPENAI_API_KEY",
    key_header="authorization",
    key_prefix="Bearer ",
    endpoints={"/chat/completions": chat.reading, "/responses": responses.reading},
)
ANTHROPIC = Provider(
    name="anthropic",
    key_name="ANTHROPIC_API_KEY",
    key_header="x-api-key",
    key_prefix="",
    endpoints={"/messages": anthropic.reading, "/messages/count_tokens": anthropic.reading},
)

SESSION_HEADERS = (b"x-session-id", b"session_id", b"session-id", b"x-claude-code-session-id",
                   b"conversation_id", b"x-conversation-id", b"thread-id")  # fmt: skip
SESSION = re.compile(r"[\x21-\x7e]{1,200}")
"""What may name a session."""
