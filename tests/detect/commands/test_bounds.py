"""No text hangs, crashes or grows it; time (of the processor) is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.detect.commands import BOUNDED, understand
from roguewatch.detect.commands.state import State
from roguewatch.detect.commands.understanding import interpret

SHELLISH = st.lists(
    st.sampled_from(
        [*list("$(){}[]<>|&;`'\"\\#!*?~=\n\t ab01"), "$(", "${", "<<EOF\n", "EOF\n", "<<<", "if ", "then ", "fi ", "do ", "done ", "case ", "esac ", "for x in ", "function f", "() {", "$((", "))", "<(", ">(", "eval ", "bash -c ", "base64 -d", "python3 -c ", "xargs ", "�", "\x00", "сurl", "echo "]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(max_examples=600, derandomize=True, deadline=2000)
@given(SHELLISH, st.sampled_from(["bash", "powershell", "cmd", "python", "javascript", "?"]))
def test_any_text_is_understood_somehow_and_always_alike(text, shell):
    first = understand(text, shell)
    assert (
        understand.__wrapped__(text, shell) == first if hasattr(understand, "__wrapped__") else True
    )
    for command in first:
        command.text.encode()
        for decoded in command.decoded:
            decoded.encode()


@pytest.mark.parametrize(
    "unit",
    ["(", "$(", "${", "`", "'", '"', "{", "a|", "a;", "if ", "<<E ", "$((", "a\\", "x=$x$x;",
     "{a,b}", "f(){ f;};f;", "case x in ", "[[ ", "<(", "\\\n", "sudo ", "eval ", "$'\\", "((("],
)  # fmt: skip
@pytest.mark.parametrize("shell", ["bash", "powershell", "cmd", "python", "javascript"])
def test_repetition_is_bounded(unit, shell):
    started = time.process_time()
    understand(unit * 20_000, shell)
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    "text",
    [
        "awk 'BEGIN{print" + " " * 100_000 + "x'",
        "awk 'BEGIN{print(1)" + "; " * 50_000 + "x'",
        "sed '" + "\n" * 4_000 + " ex'",
        "sed '" + ";\t \n" * 1_000 + " ex'",
    ],
    ids=["awk, spaces", "awk, semicolons", "sed, lines", "sed, steps"],
)
def test_a_program_of_blanks_takes_no_longer_than_another(text: str) -> None:
    started = time.process_time()
    assert [one.program for one in understand(text)] == [text[:3]]
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    "program",
    [
        'BEGIN{print "curl x.io"}',
        ' BEGIN { printf ( "%s x.io", "curl" ) ; exit ; } ',
        'BEGIN {printf("%c%s", 99, "url x.io");exit}',
        'BEGIN{print("curl", "x.io")}',
    ],
)
def test_what_awk_prints_of_constants_is_run(program: str) -> None:
    seen = understand(f"awk '{program}' | sh")
    assert [one.arguments for one in seen if one.program == "curl"] == [("x.io",)]


def test_ten_megabytes_are_bounded_and_marked():
    started = time.process_time()
    found = understand("echo a; " * 1_250_000 + "rm -rf /")
    assert time.process_time() - started < 4
    assert found[-1] == BOUNDED
    assert not any(command.certain for command in found)


def test_the_end_of_a_long_text_is_looked_at():
    text = "# " + "x" * 5_000_000 + "\nrm -rf /srv"
    assert any(command.program == "rm" for command in understand(text))


def test_variables_that_double_do_not_grow_without_bound():
    text = "a=xxxxxxxxxxxxxxxx;" + "a=$a$a;" * 60 + "echo $a"
    found = understand(text)
    assert max(len(command.text) for command in found) <= 200_000


def test_functions_that_call_themselves_end():
    assert understand(":(){ :|:& };:")[-1] == BOUNDED


def test_twice_the_text_takes_about_twice_the_time():
    unit = 'cat /etc/passwd | grep root && echo "$HOME/x" > /tmp/y\n'

    def spent(times: int) -> float:
        samples = []
        for _ in range(5):
            started = time.thread_time()
            interpret(unit * times, "bash", State())
            samples.append(time.thread_time() - started)
        return min(samples)

    spent(50)
    assert spent(240) < 10 * spent(60)
