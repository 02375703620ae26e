"""Adding up a session: counts, stretches, approvals."""

from __future__ import annotations

from typing import Any

from roguewatch.assess.activity import SILENCE, Tally
from roguewatch.events import Event, Usage
from roguewatch.state.summary import SessionSummary
from tests.build import asked, call, event, result, said

MINUTE = 60_000_000_000
T0 = 1_763_000_000_000_000_000


def add_up(*events: Event) -> SessionSummary:
    tally = Tally("s1")
    for one in events:
        tally.add(one)
    return tally.finish()


def timed(kind: str, minutes: float, **fields: Any) -> Event:
    return event(kind, time=T0 + int(minutes * MINUTE), **fields)


def human(minutes: float) -> Event:
    return timed("user_message", minutes, author="human")


def test_messages_of_harness_tools_and_agents_are_not_the_users() -> None:
    authors = ("human", "", "task", "harness", "tool", "agent")
    summary = add_up(*(event("user_message", author=author) for author in authors))
    assert (summary.user_messages, summary.human_messages) == (3, 2)


def test_a_stretch_runs_from_a_human_message_to_the_last_activity_before_the_next() -> None:
    summary = add_up(
        human(0), timed("tool_call", 1), timed("tool_result", 4), human(30),
        timed("agent_message", 31),
    )  # fmt: skip
    assert sorted((s.active // MINUTE, s.calls) for s in summary.stretches) == [(1, 0), (4, 1)]


def test_a_long_silence_is_elapsed_time_but_not_activity() -> None:
    gap = 2 * SILENCE / MINUTE
    (stretch,) = add_up(human(0), timed("tool_call", 1), timed("tool_call", 1 + gap)).stretches
    assert stretch.active == MINUTE
    assert stretch.elapsed == (1 + gap) * MINUTE


def test_a_session_that_no_human_began_is_one_stretch() -> None:
    start = timed("user_message", 0, author="task")
    (stretch,) = add_up(start, timed("tool_call", 1), timed("tool_call", 3)).stretches
    assert (stretch.active, stretch.calls) == (2 * MINUTE, 2)


def test_activity_of_a_subagent_belongs_to_the_message_that_set_it_off_whatever_is_read_first() -> (
    None
):
    main = [human(0), timed("tool_call", 1), human(10), timed("tool_call", 11)]
    sub = [timed("tool_call", minute, agent="a1", parent_agent="main") for minute in (2, 3)]
    for order in (main + sub, sub + main):
        summary = add_up(*order)
        assert sorted(s.calls for s in summary.stretches) == [1, 3]
        assert summary.agent == "main"


def test_sessions_without_times_have_stretches_counted_in_calls_only() -> None:
    summary = add_up(
        event("user_message", author="human", time=None),
        *(event("tool_call", time=None) for _ in range(3)),
    )
    assert [(s.calls, s.active, s.start) for s in summary.stretches] == [(3, 0, None)]
    assert summary.started is None


def test_a_human_approval_counts_for_its_own_call_before_or_after_it() -> None:
    tally = Tally("s1")
    for order in ("before", "after"):
        push = call(command="git push", call_id=f"c-{order}")
        allowed = event(
            "approval", call_id=push.call_id, detail='{"decision":"allow","by":"human"}'
        )
        if order == "before":
            tally.add(allowed)
        tally.add(push)
        tally.add_impacts(push, ("git-remote",))
        if order == "after":
            tally.add(allowed)
    other = call(command="git push", call_id="c-other")
    tally.add(other)
    tally.add_impacts(other, ("git-remote",))
    impact = tally.finish().impacts["git-remote"]
    assert (impact.calls, impact.approved, impact.refused) == (3, 2, 0)


def test_a_hooks_or_policys_permission_is_no_human_approval_but_a_refusal_is_one() -> None:
    tally = Tally("s1")
    for n, detail in enumerate(
        ('{"decision":"allow","by":"hook"}', '{"decision":"deny","by":"hook"}')
    ):
        push = call(command="git push", call_id=f"c{n}")
        tally.add(push)
        tally.add_impacts(push, ("git-remote",))
        tally.add(event("approval", call_id=push.call_id, detail=detail))
    impact = tally.finish().impacts["git-remote"]
    assert (impact.approved, impact.refused) == (0, 1)


def test_tokens_count_once_a_response() -> None:
    usage = Usage(input=5, output=7)
    parts = [event("agent_message", request_id="r1", usage=usage) for _ in range(3)]
    summary = add_up(*parts, event("usage", request_id="r2", usage=usage))
    assert (summary.usage.input, summary.usage.output) == (10, 14)


def test_calls_are_counted_under_the_mode_in_force() -> None:
    summary = add_up(
        call(), event("permission_mode", permission_mode="plan"), call(), call(),
        event("user_message", permission_mode="bypassPermissions"), call(),
    )  # fmt: skip
    assert summary.modes == {"": 1, "plan": 2, "bypassPermissions": 1}


def test_names_that_an_agent_invents_without_end_are_bounded() -> None:
    summary = add_up(*(call(f"tool\x1b{n}") for n in range(500)))
    assert len(summary.tools) <= 101
    assert sum(summary.tools.values()) == 500
    assert not any("\x1b" in name for name in summary.tools)


def test_a_date_that_no_clock_says_is_no_date() -> None:
    summary = add_up(event("tool_call", time=1 << 70), event("tool_call", time=-5))
    assert (summary.started, summary.ended, summary.days) == (None, None, {})


def test_failed_calls_and_gaps_are_counted_by_code() -> None:
    one = call()
    summary = add_up(
        one, result(one, exit_status=1), result(one, failed=True), result(one, exit_status=0),
        event("gap", detail='{"code":"malformed"}'), said("hello"), asked("hi"),
    )  # fmt: skip
    assert (summary.failed_calls, summary.gaps, summary.gap_count) == (2, {"malformed": 1}, 1)


def gap(call_id: str, missing: str) -> Event:
    detail = f'{{"code":"orphan_call","call_id":"{call_id}","missing":"{missing}"}}'
    return event("gap", detail=detail)


def test_a_call_whose_result_a_longer_copy_of_the_file_brings_is_no_gap() -> None:
    first = call(call_id="c1")
    assert add_up(first, gap("c1", "result")).gaps == {"orphan_call": 1}
    assert add_up(first, gap("c1", "result"), result(first, "done")).gaps == {}
    assert add_up(first, result(first, "done"), gap("c1", "result")).gaps == {}
    assert add_up(result(first, "done"), gap("c1", "call"), first).gaps == {}
    assert add_up(first, gap("c1", "result"), gap("c2", "result")).gap_count == 2


def test_a_subagents_call_that_its_parents_file_repeats_counts_once() -> None:
    own = event("tool_call", tool="Bash", call_id="c1", agent="a7", parent_agent="main")
    repeated = event("tool_call", tool="Bash", call_id="c1", agent="a7", parent_agent="main")
    other = event("tool_call", tool="Bash", call_id="c2", agent="a7", parent_agent="main")
    tally = Tally("s1")
    for one in (own, repeated, other):
        tally.add(one)
        tally.add_impacts(one, ("network",))
    summary = tally.finish()
    assert (summary.tool_calls, summary.impacts["network"].calls) == (2, 2)
    assert sum(calls for _, calls in summary.days.values()) == 2
