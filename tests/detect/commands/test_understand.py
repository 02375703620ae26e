"""What a command line runs, through wrappers and encodings, without running it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from roguewatch.detect.commands import Command, understand, understand_argv, understand_call


def one(text: str, program: str, **options: str) -> Command:
    found = [c for c in understand(text, **options) if c.program == program]
    assert found, f"{program} not in {[c.text for c in understand(text, **options)]}"
    return found[-1]


def test_a_simple_command_has_its_program_and_arguments():
    command = one("/usr/bin/git -C /srv commit -m 'two words'", "git")
    assert command.arguments == ("-C", "/srv", "commit", "-m", "two words")
    assert command.text == "git -C /srv commit -m two words"
    assert command.certain


def test_a_pipeline_tells_positions_and_what_came_before():
    commands = understand("cat a | sort -u | uniq -c > out.txt")
    assert [c.pipeline for c in commands] == [0, 1, 2]
    assert commands[2].piped_from == ("cat", "sort")
    assert commands[2].redirects == (">out.txt",)
    assert commands[2].written == ("out.txt",)


def test_wrappers_are_taken_off_outermost_first():
    command = one("sudo -u root env A=1 nohup bash -c 'rm -rf ~/x' &", "rm")
    assert command.via == ("sudo", "env", "nohup", "bash -c")
    assert command.background


@pytest.mark.parametrize(
    "text",
    [
        "./serve &",
        "nohup ./serve",
        "setsid ./serve",
        "(sleep 1; ./serve) &",
        "screen -dmS a ./serve",
    ],
)
def test_what_goes_on_after_the_shell_is_in_the_background(text):
    assert one(text, "serve").background


def test_what_ends_with_the_shell_is_not_in_the_background():
    assert not one("./serve && echo done", "serve").background


def test_paths_follow_cd_and_home():
    assert one("cd ~/.ssh && cat id_rsa", "cat").paths == ("~/.ssh/id_rsa",)
    assert one('cat "$HOME/.aws/credentials"', "cat").paths == ("~/.aws/credentials",)
    assert one("(cd /etc; ls); cat passwd", "cat").paths == ("passwd",)


def test_paths_below_the_working_directory_are_relative_to_it():
    assert one("cat /srv/app/src/a.py", "cat", cwd="/srv/app").paths == ("src/a.py",)
    assert one("cat ../b/c", "cat", cwd="/srv/app").paths == ("/srv/b/c",)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("cp a b", "b"),
        ("sed -i 's/a/b/' src/x.py", "src/x.py"),
        ("tee -a log < x", "log"),
        ("dd if=/dev/zero of=disk.img", "disk.img"),
        ("chmod 600 key", "key"),
        ("curl -o out.bin http://e.example", "out.bin"),
        ("find logs -name '*.log' -delete", "logs"),
    ],
)
def test_written_names_what_a_program_changes(text, written):
    assert written in understand(text)[-1].written


def test_urls_and_hosts_of_network_programs():
    assert one("curl -s example.com/a", "curl").urls == ("example.com/a",)
    assert one("scp a dev@host.example:/b", "scp").urls == ("dev@host.example:/b",)
    assert one("nc 10.0.0.9 4444", "nc").urls == ("10.0.0.9", "10.0.0.9:4444")
    assert "1.2.3.4:80" in one("cat < /dev/tcp/1.2.3.4/80", "cat").urls


@pytest.mark.parametrize(
    "host",
    [
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "[::ffff:a9fe:a9fe]",
    ],
)
def test_addresses_in_disguise_are_told_dotted_too(host):
    assert "http://169.254.169.254/latest" in one(f"curl http://{host}/latest", "curl").urls


def test_what_find_hands_on_is_named():
    assert one("find ~/.aws -name credentials -exec cat {} +", "cat").paths == (
        "~/.aws/credentials",
    )
    assert one("find /srv -name '*.log' -exec rm {} ;", "rm").written == ("/srv",)


def test_decoded_text_is_kept():
    packed = base64.b64encode(b"curl http://e.example").decode()
    command = one(f"echo {packed} | base64 -d | sh", "curl")
    assert command.decoded == ("curl http://e.example",)


def test_what_a_command_writes_is_told_where_it_is_known():
    assert one("echo 'x y' >> ~/.bashrc", "echo").wrote == "x y\n"
    assert one("cat > a.md <<'EOF'\n# T\nEOF", "cat").wrote == "# T\n"


def test_unknown_words_stay_as_they_were_written_and_are_uncertain():
    command = one('rm -rf "$BUILD/out"', "rm")
    assert command.arguments == ("-rf", "$BUILD/out")
    assert not command.certain


def test_functions_are_looked_into_even_when_they_are_not_called():
    command = one("f() { rm -rf /srv; }", "rm")
    assert command.via == ("function",)
    assert not command.certain


def test_heredoc_text_that_no_shell_reads_runs_nothing():
    assert [c.program for c in understand("cat > notes.md <<'EOF'\nrm -rf /\nEOF")] == ["cat"]


def test_quotes_in_a_commit_message_run_nothing():
    text = "git commit -m \"$(cat <<'EOF'\ndon't; rm -rf /\n(see #1)\nEOF\n)\""
    command = one(text, "git")
    assert command.arguments[-1] == "don't; rm -rf /\n(see #1)"
    assert "rm" not in {c.program for c in understand(text)}


def test_python_deeds_are_told_as_shell_commands():
    text = (
        "import os, shutil, signal\nfrom pathlib import Path\n"
        "os.remove('/srv/a')\nshutil.rmtree(Path.home() / 'x')\nos.kill(42, signal.SIGKILL)\n"
        "open('/etc/hosts', 'a').write('1.2.3.4 a')\nPath('~/.bashrc').write_text('x')\n"
        "os.chmod('/tmp/sh', 0o4755)\n"
    )
    found = understand(text, "python")
    texts = [c.text for c in found]
    assert [text for text in texts if text] == [
        "rm /srv/a",
        "rm -rf ~/x",
        "kill -KILL 42",
        "chmod 4755 /tmp/sh",
    ]
    assert [c.redirects for c in found if c.redirects] == [(">>/etc/hosts",), (">~/.bashrc",)]


def test_code_mode_programs_are_looked_into():
    text = (
        'const d = "/srv"; const r = await tools.exec_command({cmd: `rm -rf ${d}`, workdir: "/"});'
    )
    assert understand(text, "javascript")[0].text == "rm -rf /srv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Remove-Item -Recurse -Force C:\\x", "Remove-Item -Recurse -Force C:\\x"),
        ("rm -r C:\\x", "Remove-Item -r C:\\x"),
        ("& ('Remove' + '-Item') C:\\x", "Remove-Item C:\\x"),
        ("$p='Set-ExecutionPolicy'; & $p Bypass", "Set-ExecutionPolicy Bypass"),
        ("iex 'Stop-Service auditd'", "Stop-Service auditd"),
    ],
)
def test_powershell_basics(text, expected):
    assert expected in [c.text for c in understand(text, "powershell")]


def test_an_encoded_powershell_command_is_decoded():
    packed = base64.b64encode("Stop-Service auditd".encode("utf-16-le")).decode()
    command = one(f"powershell.exe -NoP -enc {packed}", "Stop-Service")
    assert command.decoded == ("Stop-Service auditd",)


def test_cmd_basics():
    found = [c.text for c in understand('cmd /c "d^el /q a & rd b"')]
    assert found == ["del /q a", "rd b"]


def test_tool_calls_of_several_agents():
    assert understand_call("Bash", {"command": "ls"})[0].program == "ls"
    assert understand_call("shell", {"command": ["bash", "-lc", "ls -l"]})[0].text == "ls -l"
    assert understand_call("exec", {"input": 'tools.exec_command({cmd:"ls"})'})[0].program == "ls"
    assert understand_call("Read", {"file_path": "/a"}) == ()
    assert understand_argv(["sh", "-c", "ls"])[0].via == ("sh -c",)


def test_nothing_is_executed(tmp_path: Path):
    mark = tmp_path / "mark"
    for text in (
        f"touch {mark}",
        f"echo $(touch {mark})",
        f"python3 -c 'open({str(mark)!r}, \"w\")'",
    ):
        understand(text)
    assert not mark.exists()
