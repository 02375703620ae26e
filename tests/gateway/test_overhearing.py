"""What only telemetry tells is detected live, and counts for the next decision."""

from __future__ import annotations

import time
from pathlib import Path

from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.register import Deployment, Register
from tests.gateway.hooking import body, post
from tests.gateway.relaying import daemon
from tests.gateway.test_coverage_live import span


def test_a_finding_in_telemetry_is_kept_and_the_policy_of_the_session_s_hooks_sees_it(
    tmp_path: Path,
) -> None:
    store, policy = tmp_path / "s", tmp_path / "p.cedar"
    policy.write_text(
        "permit (principal, action, resource);\n"
        "forbid (principal, action, resource) when { context.session_level >= 3 };\n"
    )
    store.mkdir()
    engine = connect(store)
    Register(engine).put(Deployment(name="d", policy=str(policy)), "test")
    token = Register(engine).issue_token("d", "all")
    with daemon(store) as gate:
        listen = gate.ready["listen"]
        assert not post(listen, token, body(session_id="s")).blocks
        span(gate, token, "t1", "(crontab -l; echo '* * * * * /tmp/.x/beacon') | crontab -")
        deadline = time.monotonic() + 20
        while not (blocked := post(listen, token, body(session_id="s")).blocks):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert blocked
        assert not post(listen, token, body(session_id="another")).blocks
    assert any(one.session == "s" for one in Findings(engine).all())
    engine.dispose()
