"""`python -m tools.examples [FOLDER]`: write the example activity, the same every time."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.examples import stories
from tools.examples.formats import claude_code, codex, copilot, gemini
from tools.examples.logs import chat, inspect_eval, otlp, swe_agent


def activity() -> dict[str, bytes]:
    """Every file by its path."""
    tide = stories.TIDE_FEATURE.id()
    texts = {
        f"claude-code/-home-noor-ferry-times/{tide}.jsonl": claude_code(stories.TIDE_FEATURE),
        f"claude-code/-home-noor-ferry-times/{tide}/subagents/agent-a1f04c2.jsonl": claude_code(
            stories.TIDE_REVIEW, agent="a1f04c2", session=tide
        ),
        f"claude-code/-home-noor-ferry-times/{stories.FARE_TESTS.id()}.jsonl": claude_code(
            stories.FARE_TESTS
        ),
        f"claude-code/-home-ilse-harbour-ops/{stories.NIGHT_RUN.id()}.jsonl": claude_code(
            stories.NIGHT_RUN
        ),
        "codex/rollout-2026-11-17-berths.jsonl": codex(stories.BERTHS),
        "codex/rollout-2026-11-19-infra.jsonl": codex(stories.INFRA),
        "gemini-cli/session-2026-11-18-weather.json": gemini(stories.WEATHER),
        "copilot-cli/guide/events.jsonl": copilot(stories.GUIDE),
        "otel/dispatcher.json": otlp(stories.DISPATCH),
        "chat/helpdesk.jsonl": chat(stories.HELPDESK),
        "swe-agent/leap-day.traj": swe_agent(stories.ISSUE),
    }
    made = {name: text.encode() for name, text in texts.items()}
    made["inspect/impossible-port.eval"] = inspect_eval(stories.EVALUATION)
    return made


def main(folder: Path) -> None:
    """Write all of it under a folder."""
    for name, data in activity().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/activity"))
