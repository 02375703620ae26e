"""Events at random, made of words that rules look for, so that many rules hold."""

from __future__ import annotations

import json
import random
from typing import Any

from roguewatch.events import Event
from tests.build import event

_WORDS = [
    *["git", "push", "--force", "-f", "--dry-run", "curl", "rm", "-rf", "-enc", "/enc", "–enc", "~/.ssh/id_rsa", "~/.bashrc", "/w", "/w/src/a.py", "tests", "passed", "FAILED", "Passed", "ok", "wow*", "wow", "c:\\tmp", "secret", "secret-key", "c2VjcmV0LWtleQ", "a@1", "12", "http://10.1.2.3/x", "http://167772161/", "https://u@10.0.0.9:8/", "fe80::1", "[fe80::2]:80", "skip", "iex", "aQBlAHgA", "5", "5.5", "true", "user", "nohup", "&", "&&", ";", "|", "'", '"', "$HOME", ".*", "pass", "7", "crontab", "chmod", "+x", "sudo", "İ", "ß", "ſ", "K", "Straße", "../", "é", "日本"],
    "\n", "\t", "\nok\n", "tests passed", "git push --force", "\ncurl x\nrm y\n",
    "\ngit push --force\n",
]  # fmt: skip

_KINDS = ("tool_call", "tool_call", "tool_call", "tool_result", "agent_message", "user_message",
          "reasoning", "permission_mode", "other")  # fmt: skip
_TOOLS = ("Bash", "Read", "Edit", "Write", "exec_command", "mcp__x__y", "z", "WebFetch")


def sentence(rnd: random.Random, most: int = 12) -> str:
    return " ".join(rnd.choice(_WORDS) for _ in range(rnd.randint(0, most)))


def random_event(rnd: random.Random, words: tuple[str, ...] = (), **fixed: Any) -> Event:
    """One event; `words` are mixed into its texts."""

    def text(most: int = 12) -> str:
        made = sentence(rnd, most)
        for _ in range(rnd.randint(0, 3) if words else 0):
            made += rnd.choice(("", " ", "\n")) + rnd.choice(words)
        return made

    kind = rnd.choice(_KINDS)
    fields: dict[str, Any] = {"text": text() if kind != "tool_call" else ""}
    if rnd.random() < 0.3:
        fields["cwd"] = rnd.choice(("/w", "/w/src", text(1)))
    if rnd.random() < 0.2:
        fields["permission_mode"] = rnd.choice(("default", "bypassPermissions", text(1)))
    if rnd.random() < 0.2:
        fields["detail"] = json.dumps({"by": rnd.choice(("user", "hook")), "n": rnd.random()})
    if kind in ("tool_call", "tool_result"):
        fields["tool"] = rnd.choice(_TOOLS)
        fields["call_id"] = f"c{rnd.random()}"
    if kind == "tool_result":
        fields["exit_status"] = rnd.choice((None, -1, 0, 1, 2))
        fields["failed"] = rnd.choice((None, True, False))
    if kind == "tool_call":
        fields["arguments"] = json.dumps(_arguments(rnd, fields["tool"], text))
    return event(kind, **(fields | fixed))


def _arguments(rnd: random.Random, tool: str, text: Any) -> dict[str, Any]:
    if tool in ("Bash", "exec_command"):
        script = rnd.choice((" ", " && ", "; ", "\n")).join(
            text(6) for _ in range(rnd.randint(1, 3))
        )
        made: dict[str, Any] = {"command" if tool == "Bash" else "cmd": script}
    elif tool in ("Edit", "Write"):
        made = {"file_path": rnd.choice(_WORDS), "content": text(), "old_string": text(4)}
    else:
        made = {
            "path": rnd.choice((text(1), "/w")),
            "url": rnd.choice(_WORDS),
            "deep": {"list": [text(3), 5]},
        }
    if rnd.random() < 0.3:
        made["timeout"] = rnd.choice((5, 5.5, "5", True, None, "x" * 50))
    return made
