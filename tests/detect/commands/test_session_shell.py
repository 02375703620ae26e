"""What one call sets up, a later call uses."""

from __future__ import annotations

from roguewatch.detect.commands import SessionShell


def programs(shell: SessionShell, text: str) -> list[str]:
    return [command.program for command in shell.understand(text)]


def test_variables_are_carried_and_uncertain():
    shell = SessionShell()
    shell.understand("A=cu; B=rl")
    command = shell.understand("$A$B http://e.example")[-1]
    assert command.program == "curl"
    assert not command.certain


def test_a_script_of_a_file_tool_is_looked_into_where_it_runs():
    shell = SessionShell()
    shell.wrote("/tmp/run.sh", "kill -9 1\n")
    assert "kill" in programs(shell, "bash /tmp/run.sh")


def test_a_python_script_written_by_heredoc_is_looked_into():
    shell = SessionShell()
    shell.understand("cat > a.py <<'EOF'\nimport os\nos.system('crontab -r')\nEOF")
    assert "crontab" in programs(shell, "python3 a.py")


def test_sessions_do_not_share():
    first, second = SessionShell(), SessionShell()
    first.understand("f() { rm -rf /; }")
    assert "rm" not in programs(second, "f")
    assert "rm" in programs(first, "f")


def test_what_is_carried_is_bounded():
    shell = SessionShell()
    for number in range(2000):
        shell.understand(f"V{number}=x; echo {'y' * 100} > /tmp/f{number}")
    assert len(shell._state.variables) <= 128
    assert len(shell._state.files) <= 64


def test_the_working_directory_is_not_carried():
    shell = SessionShell()
    shell.understand("cd /etc")
    assert shell.understand("cat passwd")[0].paths == ("passwd",)
