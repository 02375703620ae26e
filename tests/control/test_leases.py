"""Leases end by time, by clock jumps and by revocation, and nothing extends them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roguewatch.control.leases import Leases


class Clocks:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.now_wall = 1_000_000.0
        self.now_boot = 500.0

    def wall(self) -> float:
        return self.now_wall

    def boot(self) -> float:
        return self.now_boot

    def pass_time(self, seconds: float, *, wall_jump: float = 0.0) -> None:
        self.now_boot += seconds
        self.now_wall += seconds + wall_jump


def test_a_lease_runs_out_when_nobody_renews_it() -> None:
    clocks = Clocks()
    leases = Leases(clock=clocks)
    assert leases.ending("d") == "never granted"
    leases.renew("d", 60)
    clocks.pass_time(59)
    assert leases.ending("d") == ""
    assert leases.remaining("d") == 1.0
    clocks.pass_time(1)
    assert leases.ending("d") == "expired"
    assert leases.remaining("d") == 0.0


def test_a_clock_set_back_ends_the_lease_and_setting_it_right_does_not_revive_it() -> None:
    clocks = Clocks()
    leases = Leases(clock=clocks)
    leases.renew("d", 60)
    clocks.pass_time(1, wall_jump=-3600)
    assert leases.ending("d") == "clock"
    clocks.pass_time(0, wall_jump=3600)
    assert leases.ending("d") == "clock"


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(-1e6, 1e6)), min_size=1, max_size=12))
def test_no_sequence_of_clock_jumps_lets_a_lease_run_longer_than_granted(
    steps: list[tuple[float, float]],
) -> None:
    clocks = Clocks()
    leases = Leases(clock=clocks)
    leases.renew("d", 60)
    spent = 0.0
    ended = False
    for seconds, jump in steps:
        clocks.pass_time(seconds, wall_jump=jump)
        spent += seconds
        running = leases.ending("d") == ""
        assert not (running and spent >= 60)
        assert not (running and ended), "an ended lease came back"
        ended = ended or not running


def test_an_objection_prevents_renewal_but_a_running_lease_runs_out_by_itself() -> None:
    clocks = Clocks()
    objections = [""]
    leases = Leases([lambda deployment: objections[0]], clock=clocks)
    assert leases.renew("d", 60).given
    objections[0] = "a stop is open"
    refused = leases.renew("d", 60)
    assert refused.objections == ("a stop is open",)
    assert leases.ending("d") == ""
    clocks.pass_time(60)
    assert leases.ending("d") == "expired"


def test_an_objector_that_fails_has_not_consented() -> None:
    def broken(deployment: str) -> str:
        raise OSError("state is gone")

    given_consent = Leases([broken], clock=Clocks()).renew("d")
    assert not given_consent.given
    assert "broken failed: OSError" in given_consent.objections[0]


def test_revoking_ends_at_once_and_only_a_new_grant_brings_it_back() -> None:
    leases = Leases(clock=Clocks())
    leases.renew("d")
    leases.revoke("d")
    assert leases.ending("d") == "revoked"
    assert leases.running() == ()
    leases.renew("d")
    assert [lease.deployment for lease in leases.running()] == ["d"]
