"""A session that several observers saw is added up once, by the fullest account of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from roguewatch.assess.assessment import assess
from roguewatch.control.decision import Decision
from roguewatch.control.ruling import decision_event
from roguewatch.events import event_id
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment
from tests.assess.organisation import keys_of_the_commands
from tests.cli.run import ran, session


def test_what_a_hook_and_the_transcript_both_saw_counts_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = session("s1", "go", *ran("a", "ls"), *ran("b", "history -c"), "more", *ran("c", "id"))
    (tmp_path / "in" / "s1.jsonl").write_text(lines)
    with keys_of_the_commands():
        before, _ = assess([tmp_path / "in"], tmp_path / "store")
        with Ledger.open(tmp_path / "store") as ledger:
            told = list(ledger.events(session="s1"))
            kinds = ("user_message", "tool_call", "tool_result")
            seen = [
                msgspec.structs.replace(one, id=event_id("hook", one.id), sighting="hook", part=1)
                for one in told if one.kind in kinds
            ]  # fmt: skip
            bot = Deployment(name="bot", deployment_class="ci")
            ruled = [
                decision_event(bot, one, Decision(outcome="allow", nanoseconds=9), None)
                for one in seen if one.kind == "tool_call"
            ]  # fmt: skip
            ledger.append([*seen, *ruled])
            ledger.seal()
        after, _ = assess([tmp_path / "in"], tmp_path / "store")
    (one,), (two,) = before.sessions, after.sessions
    assert two.events == one.events + len(seen) + len(ruled) > one.events
    assert (two.tool_calls, two.user_messages) == (one.tool_calls, one.user_messages) == (3, 2)
    assert two.longest_unattended_seconds == one.longest_unattended_seconds
    assert [finding.id for finding in after.findings] == [finding.id for finding in before.findings]
    facts = {fact.id: fact for fact in after.facts}
    assert facts["sightings"].value["hook"] == len(seen) + len(ruled)
    assert facts["approvals.rate"].value is None, "the gate's decisions are no approvals"
    assert facts["gate.decisions"].value == 3
