"""Which calls reach beyond the project."""

from __future__ import annotations

import json
import time

import pytest

from roguewatch.assess.impact import KINDS, impacts
from roguewatch.assess.modes import mode_class
from roguewatch.detect.action import Action
from tests.build import call, event


def kinds(command: str, cwd: str = "/home/ada/app") -> set[str]:
    arguments = json.dumps({"command": command})
    return set(impacts(Action(event("tool_call", tool="Bash", arguments=arguments, cwd=cwd))))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls -la && grep -rn push src", set()),
        ("python -m pytest -q", set()),
        ("git commit -m 'push it'", set()),
        ("curl -s https://example.org/x", {"network"}),
        ("git clone https://example.org/x.git", {"network"}),
        ("git push origin main", {"network", "git-remote"}),
        ("gh pr create --fill", {"network", "git-remote"}),
        ("cat ~/.aws/credentials", {"credentials"}),
        ("cat .env.example", set()),
        ("head .env", {"credentials"}),
        ("kill -9 4711", {"process-control"}),
        ("docker compose up -d", {"process-control"}),
        ("nohup ./serve &", {"process-control"}),
        ("pip install requests", {"installation"}),
        ("sudo systemctl restart nginx", {"privilege", "process-control"}),
        ("rm -rf build", {"deletion"}),
        ("git reset --hard HEAD~3", {"deletion"}),
        ("echo hi > ../other/notes.txt", {"outside-project"}),
        ("echo hi > notes.txt", set()),
        ("echo hi > /tmp/notes.txt", set()),
    ],
)
def test_commands_are_of_the_kinds_that_they_are(command: str, expected: set[str]) -> None:
    assert kinds(command) == expected


def test_wrapped_commands_are_seen_through() -> None:
    assert "git-remote" in kinds("bash -c 'cd x && git push'")


def test_a_file_tool_that_writes_outside_the_project_is_impactful_and_inside_is_not() -> None:
    def write(path: str) -> tuple[str, ...]:
        given = json.dumps({"file_path": path, "content": "x"})
        return impacts(
            Action(event("tool_call", tool="Write", arguments=given, cwd="/home/ada/app"))
        )

    assert write("/home/ada/app/a.py") == ()
    assert write("/home/ada/app/../other/a.py") == ("outside-project",)
    assert write("/etc/hosts") == ("outside-project",)
    assert write("/home/ada/app-evil/a.py") == ("outside-project",)


def test_reading_a_private_key_is_a_credential_access_and_a_public_one_is_not() -> None:
    assert impacts(Action(call("Read", file_path="/home/ada/.ssh/id_ed25519"))) == ("credentials",)
    assert impacts(Action(call("Read", file_path="/home/ada/.ssh/id_ed25519.pub"))) == ()


def test_a_hostile_path_cannot_slow_the_search() -> None:
    path = "/.ssh/.config/gcloud" * 50_000
    started = time.perf_counter()
    impacts(Action(call("Read", file_path=path)))
    assert time.perf_counter() - started < 2


def test_every_kind_says_what_it_covers() -> None:
    assert all(title and covers for title, covers in KINDS.values())


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("bypassPermissions", "unrestricted"),
        ("never/danger-full-access", "unrestricted"),
        ("never/workspace-write", "automatic"),
        ("on-request/workspace-write", "asks"),
        ("yolo", "unrestricted"),
        ("default", "asks"),
        ("", "unstated"),
        ("something-new", "unrecognised"),
        ("new/danger-full-access", "unrecognised"),
    ],
)
def test_permission_modes_are_classed_and_new_ones_are_never_taken_for_safe(
    mode: str, expected: str
) -> None:
    assert mode_class(mode) == expected
