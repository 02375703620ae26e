"""The register as a reviewed file."""

from __future__ import annotations

import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.errors import InputError
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Recognition, Register, Scope
from roguewatch.state.register_diff import differences
from roguewatch.state.register_file import read, written

_words = st.text(string.ascii_letters + string.digits + " _-./:~*é中\"'#{}[],&%@!|>", max_size=12)
_texts = st.lists(_words, max_size=3).map(tuple)
_entries = st.builds(
    Deployment,
    name=_words.filter(lambda text: text not in ("", "*")),
    owner=_words,
    purpose=_words,
    model=_words,
    stakes=st.sampled_from(("low", "medium", "high")),
    fail_mode=st.sampled_from(("closed", "open")),
    lease_seconds=st.floats(1, 86400),
    scope=st.builds(Scope, paths=_texts, hosts=_texts, tools=_texts, identities=_texts),
    permissions=_texts,
    contacts=_texts,
    expires=st.none() | st.integers(4 * 10**13, 9 * 10**15).map(lambda micros: micros * 1000),
    recognition=st.builds(Recognition, executables=_texts, environment=_texts),
    reviewed=st.booleans(),
)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(_entries, max_size=4, unique_by=lambda entry: entry.name))
def test_what_is_written_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Deployment]
) -> None:
    file = tmp_path_factory.mktemp("register") / "register.yaml"
    file.write_text(written(entries), encoding="utf-8")
    again = read(file)
    assert differences(entries, again) == []
    assert written(again) == written(entries)


def entry(**fields: Any) -> str:
    lines = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    return f"version: 1\ndeployments:\n- {lines.lstrip()}"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (entry(name="a", stakes="huge"), 4, "stakes: invalid enum value 'huge'; expected one of"),
        (entry(name="a", onwer="ada"), 4, "did you mean `owner`?"),
        (entry(name="a", owner="no"), 4, "owner: expected `str`, got `bool`"),
        (entry(name="a", scope="{host: [x]}"), 4, "scope.host: there is no such field"),
        (entry(name="a", expires="soon"), 4, "expires: expected a date"),
        (entry(name="a", expires="1815-12-10"), 4, "expires: expected a date"),
        (entry(name="a", lease_seconds=0), 4, "lease_seconds: expected 1 to 86400"),
        (entry(name="'*'"), 3, "name: expected 1 to 200 characters"),
        (entry(name='"a\\e[2J"'), 3, "control characters"),
        (entry(name="a") + "- name: a\n", 4, "stands in line 3 already"),
        (entry(name="a", owner="x") + "  owner: y\n", 5, "`owner` is given twice"),
        (entry(name="a", owner="&x [1]", contacts="*x"), 5, "aliases are not read"),
        (entry(owner="ada"), 3, "missing required field `name`"),
        ("version: 2\ndeployments: []\n", 1, "expected `version: 1`"),
        ("version: 1\ndeployments: {}\n", 2, "expected a list"),
        ("version: 1\n deployments: [\n", 2, "not YAML"),
        ("", 1, "the file is empty"),
        ("version: 1\ndeployments: " + "[" * 100000 + "\n", 2, "nested too deep"),
    ],
)
def test_a_fault_names_line_and_field(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "register.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        read(file)
    message = str(raised.value)
    assert said in message
    assert not line or f"register.yaml, line {line}" in message


def test_the_register_as_it_was_comes_back_at_any_moment(tmp_path: Path) -> None:
    register = Register(connect(tmp_path))
    register.put(Deployment(name="ci", owner="ada"), "ada")
    first = time.time_ns()
    register.put(Deployment(name="ci", owner="ada"), "ada")  # the same: no change
    register.put(Deployment(name="ci", owner="bob"), "bob")
    register.put(Deployment(name="new"), "bob")
    second = time.time_ns()
    register.remove("ci", "bob")
    assert [one.owner for one in register.at(first)] == ["ada"]
    assert [one.name for one in register.at(second)] == ["ci", "new"]
    assert [one.name for one in register.at(time.time_ns())] == ["new"]
    assert register.at(0) == []
    changes = differences(register.at(first), register.at(second))
    assert [(one.deployment, one.change) for one in changes] == [
        ("ci", "changed"),
        ("new", "added"),
    ]
    assert [(f.field, f.before, f.after) for f in changes[0].fields] == [("owner", "ada", "bob")]
