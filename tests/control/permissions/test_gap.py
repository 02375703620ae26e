"""Granted against used, and the law of the proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.control.permissions.gap import Gap, gap_of, measured_gap
from roguewatch.control.permissions.grants import KINDS, admits, values
from roguewatch.control.permissions.narrowing import NAME, narrower_policy
from roguewatch.control.permissions.usage import Usage, Use
from roguewatch.control.policy import Policy
from roguewatch.detect.engine import Engine
from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment, Scope
from tests.build import call, event, result

_commands = st.sampled_from(
    (
        "git status", "git push origin main", "curl -s https://api.example.com/v1", "ls -l src",
        "cat ../other/x", "sudo apt install x", "nohup python job.py &", "rm -rf build",
        "cat ~/.aws/credentials", "scp a ada@backup.example.net:/b", "psql -U admin", "echo '\"\\' > o",
        "bash -c 'wget http://10.0.0.1/x'", "touch /etc/cron.d/x", "", "kubectl --context prod get po",
    )
)  # fmt: skip
_calls = st.one_of(
    st.builds(lambda text: call("Bash", command=text), _commands),
    st.builds(
        lambda tool, path: call(tool, file_path=path),
        st.sampled_from(("Read", "Write", "Edit")),
        st.sampled_from(("src/a.py", "/repo/b", "/etc/passwd", "~/.ssh/id_ed25519", "../up")),
    ),
    st.builds(lambda name: call(name, query="x"), st.text(min_size=1, max_size=12)),
    st.builds(lambda url: call("WebFetch", url=url), st.sampled_from(("https://a.example/x",))),
)
_scopes = st.builds(
    Scope,
    paths=st.sampled_from(((), ("/repo",), ("/repo/src", "~"), ("-",))),
    hosts=st.sampled_from(((), ("*.example.com",), ("a.example", "10.0.0.1"))),
    tools=st.sampled_from(((), ("Bash", "Read"), ("*",))),
    identities=st.sampled_from(((), ("account *",))),
)


def uses_of(entry: Deployment, events: list[Event]) -> list[Use]:
    placed = [msgspec.structs.replace(one, cwd="/repo") for one in events]
    return Usage(entry).of(placed)


def gap(entry: Deployment, events: list[Event]) -> Gap:
    return gap_of(entry, uses_of(entry, events), 1, None)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(_calls, max_size=12), _scopes,
    st.sampled_from(("observe", "workstation", "ci", "production")),
    st.text(min_size=1, max_size=8),
)  # fmt: skip
def test_the_proposal_denies_nothing_that_was_used_and_granted_and_is_never_wider(
    calls: list[Event], scope: Scope, policy: str, name: str
) -> None:
    entry = Deployment(name=name, scope=scope, policy=policy)
    found = gap(entry, calls)
    assert found.replayed.denied == 0
    assert found.replayed.actions + found.not_granted == found.actions
    before, after = Policy.load(Path(policy)), Policy(found.policy)
    for use in uses_of(entry, calls):
        for kind in KINDS:
            for value in values(use, kind):
                # Narrower, never wider: what the proposal admits, the entry admits.
                assert not admits(found.scope, kind, value) or admits(scope, kind, value)
        if after.decide(use.request).outcome == "allow":
            assert before.decide(use.request).outcome == "allow"


def test_what_was_not_used_is_denied_by_the_proposed_policy() -> None:
    entry = Deployment(name="builder", policy="observe")
    git = call("Bash", command="git status")
    policy = Policy(gap(entry, [git]).policy)
    for other in (
        call("Bash", command="curl https://evil.example"), call("Bash", command="git log &"),
        call("Write", file_path="a"), call("mcp__mail__send", to="x"),
    ):  # fmt: skip
        (use,) = uses_of(entry, [other])
        decision = policy.decide(use.request)
        assert (decision.outcome, decision.policy_ids) == ("deny", (NAME,))
    (same,) = uses_of(entry, [call("Bash", command="git status")])
    assert policy.decide(same.request).outcome == "allow"
    stranger = Deployment(name="other", policy="observe")
    (theirs,) = uses_of(stranger, [call("Write", file_path="a")])
    assert policy.decide(theirs.request).outcome == "allow"


def test_a_name_cannot_break_out_of_the_policy_text() -> None:
    entry = Deployment(name='x", action, resource); permit(principal, action, resource);//')
    text = narrower_policy(Policy.load(Path("ci")).text, entry.name, uses_of(entry, []))
    hostile = Policy(text)
    (use,) = uses_of(entry, [call("Write", file_path="a")])
    assert hostile.decide(use.request).outcome == "deny"


def test_grants_are_told_as_used_never_used_or_not_assessable() -> None:
    entry = Deployment(
        name="builder",
        policy="observe",
        scope=Scope(paths=("/repo", "/srv/data"), hosts=("*.example.com", "idle.example"),
                    tools=("Bash", "Read"), identities=("account ada@*",)),
        permissions=("Bash(git:*)", "Bash(npm run *)", "mcp__github", "WebFetch(domain:x.example)",
                     "may merge to main"),
    )  # fmt: skip
    events = [
        call("Bash", command="git status"),
        call("Bash", command="scp src/a ada@files.example.com:/in"),
        call("mcp__github__list", repo="r"),
    ]
    found = gap(entry, events)
    states = {one.grant: one.state for one in found.grants}
    assert states == {
        "/repo": "used", "/srv/data": "never used", "*.example.com": "used",
        "idle.example": "never used", "Bash": "used", "Read": "never used",
        "account ada@*": "used", "Bash(git:*)": "used", "Bash(npm run *)": "never used",
        "mcp__github": "used", "WebFetch(domain:x.example)": "never used",
        "may merge to main": "not assessable",
    }  # fmt: skip
    excess = {(one.kind, one.value): one.why for one in found.excess}
    assert excess["tools", "mcp__github__list"] == "not in the scope"
    assert found.scope.hosts == ("files.example.com",)
    assert found.unbounded == ()


def test_a_refused_call_is_tried_and_not_used_and_two_sightings_are_one_use() -> None:
    entry = Deployment(name="builder", policy="observe")
    hooked = call("Bash", command="rm -rf /srv", call_id="c1")
    hooked = msgspec.structs.replace(hooked, sighting="hook")
    told = msgspec.structs.replace(hooked, id="0" * 32, sighting="transcript")
    decision = event(
        "decision", text="deny", call_id="c1",
        detail=msgspec.json.encode({"deployment": "builder", "action": hooked.id}).decode(),
    )  # fmt: skip
    fine = call("Bash", command="ls")
    found = gap(entry, [hooked, decision, told, fine, result(fine, "a")])
    assert (found.actions, found.tried) == (1, 1)
    assert found.scope.tools == ("Bash",)


@pytest.mark.parametrize("since", [None, 1_800_000_000_000_000_000])
def test_the_gap_is_measured_over_the_sessions_of_the_deployment_alone(
    tmp_path: Path, since: int | None
) -> None:
    entry = Deployment(name="builder", surface="claude-code", scope=Scope(paths=("/repo",)))
    other = Deployment(name="other", surface="claude-code", scope=Scope(paths=("/elsewhere",)))
    place: dict[str, Any] = {"session": "mine"}
    mine = msgspec.structs.replace(call("Bash", command="git log", **place), cwd="/repo/src")
    theirs = call("Bash", command="whoami", session="theirs")
    theirs = msgspec.structs.replace(theirs, cwd="/elsewhere")
    with Ledger.open(tmp_path) as ledger:
        ledger.append([mine, theirs])
        found = measured_gap(ledger, [entry, other], entry, Engine.load(), since)
    assert found.sessions == 1
    programs = [one.value for one in found.used if one.kind == "commands"]
    assert programs == (["git"] if since is None else [])
