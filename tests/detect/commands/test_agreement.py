"""Our shell parser finds the commands that an independent grammar finds."""

from __future__ import annotations

import json

import pytest
import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from roguewatch.detect.commands import understand
from tests.build import SHARED

PARSER = Parser(Language(tree_sitter_bash.language()))
KEYWORDS = {"[", "[[", "test", ":", "set", "local", "continue", "break", "return", "time", "eval"}
LINES = [
    "cd a && make -j4 2>&1 | tee log; echo done",
    'for f in *.py; do wc -l "$f"; done | sort -n',
    "if grep -q x a; then rm a; elif ls b; then mv b c; else touch d; fi",
    'while read -r line; do printf "%s" "$line"; done < <(find . -type f)',
    "case $1 in a) ls;; b|c) cat x;; *) pwd;; esac",
    "x=$(git rev-parse HEAD) && docker build -t a:$x . || exit 1",
    "cat <<EOF > f\nhello $(whoami)\nEOF\nwc f",
    "f() { curl -s x; }; f | jq .",
    "(cd a; ls) & wait",
    "! diff a b > /dev/null",
]


def names(node: Node) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        only = current.children[0].type if len(current.children) == 1 else ""
        if current.type == "command_name" and only == "word":
            found.add((current.text or b"").decode().rsplit("/", 1)[-1])
        waiting.extend(current.children)
    return found


def disagreement(text: str) -> set[str]:
    root = PARSER.parse(text.encode()).root_node
    if root.has_error:
        return set()
    commands = understand(text)
    ours = {c.program for c in commands} | {
        word for c in commands for v in c.via for word in v.split()
    }
    return (
        {name for name in names(root) if "\\" not in name} - ours - KEYWORDS - {"bash", "sh", "f"}
    )


@pytest.mark.parametrize("line", LINES)
def test_every_command_name_is_found(line):
    assert disagreement(line) == set()


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real transcripts on this machine")
def test_every_command_name_in_real_transcripts_is_found():
    texts = []
    for path in sorted((SHARED / "claude-code").glob("*.jsonl")):
        for line in path.read_text("utf-8", "replace").splitlines():
            if '"Bash"' not in line:
                continue
            message = json.loads(line).get("message") or {}
            content = message.get("content") if isinstance(message, dict) else None
            for block in content if isinstance(content, list) else []:
                if isinstance(block, dict) and block.get("name") == "Bash":
                    texts.append(block["input"].get("command", ""))
    assert texts
    assert [text for text in texts if disagreement(text)] == []
