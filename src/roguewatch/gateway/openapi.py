"""The gate's surface as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roguewatch import __version__

_JSON = {"application/json": {"schema": {"type": "object"}}}


def _answers(*statuses: tuple[str, str]) -> dict[str, Any]:
    return {status: {"description": says, "content": _JSON} for status, says in statuses}


def document(agents: Sequence[str]) -> dict[str, Any]:
    """The document.

    Args:
        agents: names of the agents whose hooks are understood.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "roguewatch gate", "version": __version__},
        "paths": {
            "/hooks/{agent}": {"post": _hook(agents)},
            "/health": {
                "get": {
                    "summary": "Whether the gate decides.",
                    "operationId": "health",
                    "responses": _answers(("200", "It does."), ("503", "It does not; it denies.")),
                }
            },
            **_administration(),
        },
        "components": {
            "securitySchemes": {
                "deployment": {"type": "http", "scheme": "bearer"},
                "admin": {"type": "http", "scheme": "bearer"},
            }
        },
    }


def _hook(agents: Sequence[str]) -> dict[str, Any]:
    return {
        "summary": "Decide or observe one hook call; answered after its record is durable.",
        "operationId": "hook",
        "parameters": [
            {
                "name": "agent", "in": "path", "required": True,
                "schema": {"type": "string", "enum": list(agents)},
            },
            {
                "name": "event", "in": "query", "required": False,
                "description": "The hook's name, as the installed command says it.",
                "schema": {"type": "string"},
            },
        ],
        "requestBody": {"required": True, "content": _JSON},
        "security": [{"deployment": []}],
        "responses": _answers(
            ("200", "The answer in the agent's own form; a malformed call is answered with a block."),
            ("401", "No token, or one that opens nothing."),
            ("404", "No such agent."),
            ("408", "The body did not come in time."),
            ("413", "The body is too large."),
            ("503", "The call could not be recorded: a block."),
        ),
    }  # fmt: skip


def _administration() -> dict[str, Any]:
    admin: list[dict[str, list[str]]] = [{"admin": []}]
    return {
        "/status": {
            "get": {
                "summary": "Deployments, sources, decisions, latency, complaints.",
                "operationId": "status",
                "security": admin,
                "responses": _answers(("200", "The status."), ("403", "Not for agents.")),
            }
        },
        "/admin/reload": {
            "post": {
                "summary": "Read rules and policies anew.",
                "operationId": "reload",
                "security": admin,
                "responses": _answers(
                    ("200", "Done."), ("403", "Not for agents."),
                    ("409", "The new rules were refused, the old ones kept."),
                ),
            }
        },
        "/admin/approvals": {
            "post": {
                "summary": "Answer a question of the queue.",
                "operationId": "approve",
                "security": admin,
                "requestBody": {"required": True, "content": _JSON},
                "responses": _answers(
                    ("200", "Answered."), ("403", "Refused."),
                    ("408", "The body did not come in time."), ("413", "The body is too large."),
                ),
            }
        },
    }  # fmt: skip
