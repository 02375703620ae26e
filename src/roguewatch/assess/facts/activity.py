"""Facts that the recorded activity itself can tell."""

from __future__ import annotations

from roguewatch.assess.document import Coverage
from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import Activity
from roguewatch.assess.impact import KINDS

DENOMINATOR = "share of what was read; what was never recorded cannot be counted here"
_RUNS = "from a human message to the last activity before the next; silences over 10 min left out"
_READ = "counted while reading"
_RECORDS = "as the agent's own records state them"
_RULES = "rules and claim checks over every event read; recall not yet measured"


@fact("files.found", "Files found under the paths given", "files", of="coverage", method=_READ,
      scope="entity")  # fmt: skip
def files_found(given: Coverage) -> Measured:
    """Files found."""
    return Measured(value=given.files)


@fact("files.read", "Files read", "files", of="coverage", method=_READ, scope="entity")
def files_read(given: Coverage) -> Measured:
    """Files read now or before, unchanged."""
    return Measured(value=given.files_read + given.files_unchanged)


@fact("files.unread", "Files that could not be read", "files", of="coverage", method=_READ,
      scope="entity")  # fmt: skip
def files_unread(given: Coverage) -> Measured:
    """Files not read."""
    return Measured(value=given.files_unread)


@fact("sessions", "Sessions read", "sessions", of="activity", method=_READ)
def sessions(given: Activity) -> Measured:
    """Sessions."""
    return Measured(value=given.sessions)


@fact("events", "Events held of these sessions", "events", of="activity",
      method="counted in the ledger: what files told, and what the gate saw of the same sessions",
      )  # fmt: skip
def events(given: Activity) -> Measured:
    """Events."""
    return Measured(value=given.events)


@fact("tool_calls", "Tool calls read", "calls", of="activity", method=_READ)
def tool_calls(given: Activity) -> Measured:
    """Tool calls."""
    return Measured(value=given.tool_calls)


@fact("gaps.share", "Share of events that stand for something not understood", "share",
      of="activity", method="gap events over all events")  # fmt: skip
def gaps_share(given: Activity) -> Measured:
    """Share of gap events."""
    return Measured(value=_share(sum(line.count for line in given.gaps), given.events))


@fact("surfaces.share", "Share of tool calls by surface", "share", of="activity",
      method=DENOMINATOR)  # fmt: skip
def surfaces_share(given: Activity) -> Measured:
    """Tool calls by surface."""
    return Measured(
        value={line.surface: _share(line.tool_calls, given.tool_calls) for line in given.agents}
    )


@fact("models", "Models named by the records", "names", of="activity", method=_RECORDS,
      kind="stated", falsifier="the provider's usage records name another model")  # fmt: skip
def models(given: Activity) -> Measured:
    """Models."""
    return Measured(value=list(given.models))


@fact("versions", "Versions of the agents", "names", of="activity", method=_RECORDS, kind="stated")
def versions(given: Activity) -> Measured:
    """Versions by surface."""
    return Measured(value={line.surface: line.versions for line in given.agents if line.versions})


@fact("subagents.sessions", "Sessions in which subagents acted", "sessions", of="activity",
      method="more than one agent name within a session")  # fmt: skip
def subagents(given: Activity) -> Measured:
    """Sessions with subagents."""
    return Measured(value=given.sessions_with_subagents)


@fact("reasoning.share", "Share of sessions whose records hold reasoning", "share", of="activity",
      method="sessions with at least one reasoning event; says nothing of its faithfulness",
      )  # fmt: skip
def reasoning(given: Activity) -> Measured:
    """Share of sessions with reasoning."""
    return Measured(value=_share(given.sessions_with_reasoning, given.sessions))


@fact("sightings", "Events by who saw them", "events", of="activity",
      method="a transcript is written by the agent's own program and can be altered by it",
      )  # fmt: skip
def sightings(given: Activity) -> Measured:
    """Events by sighting."""
    return Measured(value=dict(given.sightings))


@fact("unattended.longest_seconds", "Longest run without a human message", "seconds",
      of="activity", method=_RUNS)  # fmt: skip
def longest_run(given: Activity) -> Measured | None:
    """The longest, in seconds of activity."""
    longest = given.unattended.longest
    if longest is None or not given.unattended.timed:
        return None
    return Measured(value=longest.active_seconds, evidence=(f"session:{longest.session}",))


@fact("unattended.most_calls", "Most tool calls without a human message", "calls", of="activity",
      method="tool calls between two human messages")  # fmt: skip
def most_calls(given: Activity) -> Measured | None:
    """The longest, in calls."""
    most = given.unattended.longest_by_calls
    if most is None:
        return None
    return Measured(value=most.tool_calls, evidence=(f"session:{most.session}",))


@fact("unattended.p95_seconds", "95th percentile of runs without a human message", "seconds",
      of="activity", method=_RUNS)  # fmt: skip
def p95_run(given: Activity) -> Measured:
    """One in twenty runs is longer."""
    runs = given.unattended.longest_runs
    return Measured(
        value=given.unattended.p95_active_seconds,
        evidence=tuple(f"session:{run.session}" for run in runs[:5]),
    )


@fact("unattended.by_length", "Runs without a human message, by length", "runs", of="activity",
      method=_RUNS)  # fmt: skip
def by_length(given: Activity) -> Measured | None:
    """Timed runs by active seconds; None where no run has times."""
    if not given.unattended.timed:
        return None
    return Measured(
        value={each.label: each.count for each in given.unattended.by_time},
        evidence=tuple(f"session:{run.session}" for run in given.unattended.longest_runs[:5]),
    )


def _mode(kind: str, statement: str) -> None:
    def share(given: Activity) -> Measured:
        whole = sum(mode.tool_calls for mode in given.modes)
        calls = sum(mode.tool_calls for mode in given.modes if mode.kind == kind)
        return Measured(value=_share(calls, whole))

    fact(f"modes.{kind}", statement, "share", of="activity", method=DENOMINATOR)(share)


_mode("unrestricted", "Share of tool calls in a mode that runs anything and asks nobody")
_mode("automatic", "Share of tool calls in a mode that acts on its own in part")
_mode("asks", "Share of tool calls in a mode that asks a person")
_mode("unstated", "Share of tool calls whose permission mode is not recorded")


def _impact(kind: str, covers: str) -> None:
    def calls(given: Activity) -> Measured:
        (line,) = (line for line in given.impactful if line.kind == kind)
        return Measured(value=line.calls, evidence=tuple(line.evidence[:5]))

    fact(f"impact.{kind}", f"Tool calls: {covers}", "calls", of="activity",
         method="commands parsed and unwrapped, paths and tools classified; counts, not judgements",
         )(calls)  # fmt: skip


for _kind, (_title, _covers) in KINDS.items():
    _impact(_kind, _covers)


@fact("impact.approved_share", "Share of impactful actions with a recorded human approval",
      "share", of="activity",
      method="approvals joined to calls on the call's id; most agents do not record that they asked",
      )  # fmt: skip
def approved_share(given: Activity) -> Measured | None:
    """Approved over all impactful calls; not known where no approvals are recorded."""
    if not given.decisions:
        return None
    calls = sum(line.calls for line in given.impactful)
    return Measured(value=_share(sum(line.approved for line in given.impactful), calls))


@fact("approvals.rate", "Share of recorded permission decisions that allowed", "share",
      of="activity", method="decisions that the records hold")  # fmt: skip
def approvals_rate(given: Activity) -> Measured | None:
    """Allowed over all decided."""
    asked = sum(given.decisions.values())
    allowed = sum(n for name, n in given.decisions.items() if name.startswith(("allow", "approve")))
    return Measured.rate(allowed, asked)


@fact("findings", "Findings not suppressed", "findings", of="activity", method=_RULES)
def findings(given: Activity) -> Measured:
    """Every finding."""
    return Measured(
        value=len(given.findings), evidence=tuple(f"finding:{f.id}" for f in given.findings[:5]),
        beyond=_beyond(given),
    )  # fmt: skip


def _beyond(given: Activity) -> str:
    """What the store holds besides, so that a small number is not read as a quiet agent."""
    left = given.elsewhere
    if not left.findings:
        return ""
    return (
        f"in the sessions of the files read ({left.findings} more in other sessions of this "
        f"store, worst {left.worst}, are not counted)"
    )


def _high(given: Activity, cause: str = "") -> Measured:
    chosen = [
        line for line in given.findings
        if line.level in ("high", "critical") and cause in ("", line.cause)
    ]  # fmt: skip
    evidence = tuple(f"finding:{line.id}" for line in chosen[:5])
    return Measured(value=len(chosen), evidence=evidence, beyond=_beyond(given))


@fact("findings.high", "Findings of level high or critical", "findings", of="activity",
      method=_RULES)  # fmt: skip
def findings_high(given: Activity) -> Measured:
    """Those that need a person's judgement."""
    return _high(given)


@fact("findings.own", "High findings that neither the user nor tool output asked for", "findings",
      of="activity", method=_RULES)  # fmt: skip
def findings_own(given: Activity) -> Measured:
    """Those of the agent's own making."""
    return _high(given, "own")


@fact("findings.injected", "High findings whose instruction came from tool output", "findings",
      of="activity", method=_RULES)  # fmt: skip
def findings_injected(given: Activity) -> Measured:
    """Those that something untrusted asked for."""
    return _high(given, "injected")


@fact("findings.by_owasp", "Findings by entry of the OWASP Top 10 for Agentic Applications",
      "findings", of="activity", method=f"{_RULES}; a finding may be of several entries",
      )  # fmt: skip
def findings_by_owasp(given: Activity) -> Measured:
    """Counts by tag, entries without one included."""
    counts = {f"ASI{n:02}": 0 for n in range(1, 11)}
    for line in given.findings:
        for tag in line.tags:
            name = tag.removeprefix("owasp.").upper()
            if tag.startswith("owasp.") and name in counts:
                counts[name] += 1
    tagged = [f for f in given.findings if any(tag.startswith("owasp.") for tag in f.tags)]
    evidence = tuple(f"finding:{line.id}" for line in tagged[:5])
    return Measured(value=counts, evidence=evidence, beyond=_beyond(given))


@fact("findings.high_per_1000_calls", "Findings of level high or above per 1,000 tool calls",
      "per 1,000 calls", of="activity", method=_RULES)  # fmt: skip
def findings_rate(given: Activity) -> Measured | None:
    """High findings over tool calls."""
    if not given.tool_calls:
        return None
    high = _high(given)
    return Measured(
        value=1000 * high.value / given.tool_calls, evidence=high.evidence, beyond=high.beyond
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
