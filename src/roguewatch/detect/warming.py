"""An ordinary session, looked at before the first real one.

Much is built when it is first needed: programs of expressions, automata, the rules for one
kind of event. That keeps start-up short, but the first events would wait for it. Who
answers live looks at these events first; nothing of them is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from roguewatch.events import Event, Kind, Origin

_COMMANDS = (
    "cd /srv/app && git status --short 2>&1 | head -20",
    "git add -A && git commit -m \"$(cat <<'EOF'\nfix: read the header once\n\nCo-Authored-By: A\nEOF\n)\"",
    "git push origin main; git log --oneline -3; git checkout -b next && git diff HEAD~1 -- src",
    "python -m pytest tests/test_reader.py -q 2>&1 | tail -5; echo $?",
    "python3 - <<'EOF'\nimport os, subprocess\nprint(open('a.txt').read())\nsubprocess.run(['ls', '-l'])\nEOF",
    "node -e \"const fs = require('fs'); console.log(fs.readFileSync('package.json', 'utf8'))\"",
    "curl -sSL -H 'Accept: application/json' 'https://api.example.com/v1/issues?state=open' | jq -r '.[].title'",
    "for f in src/*.ts; do sed -n '1,40p' \"$f\" | grep -n 'import'; done",
    "cat > /tmp/notes.md <<'EOF'\n# Notes\n- run the tests\n- delete the old workflow\nEOF\ncat .env.example",
    "find . -name '*.py' -not -path './node_modules/*' | xargs grep -l 'def main' && rm -rf build",
    "npm install && npm run build && npm test -- --silent",
    "bash -lc 'echo aGVsbG8K | base64 -d'; export PATH=$HOME/bin:$PATH; sudo systemctl status app",
    "docker ps; gh pr view 12 --json title,body; ssh host uptime; kill -9 4242; chmod +x run.sh",
)
_PATCH = (
    "*** Begin Patch\n*** Update File: src/reader.py\n@@\n-    return None\n+    return value\n"
    "*** Add File: tests/test_new.py\n+def test_new():\n+    assert read() == 1\n*** End Patch"
)
_FILE = "import os\n\ndef read(path):\n    if not path:\n        return None\n    return open(path).read()\n"
_CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("Bash", {"command": command, "description": "Run it"}) for command in _COMMANDS),
    ("shell", {"command": ["bash", "-lc", "ls -la && pwd"], "workdir": "/srv/app"}),
    ("shell", {"command": ["apply_patch", _PATCH]}),
    ("apply_patch", {"input": _PATCH}),
    ("write_stdin", {"session_id": 1, "chars": ""}),
    ("Read", {"file_path": "/srv/app/src/reader.py"}),
    ("Write", {"file_path": "/srv/app/docs/notes.md", "content": _FILE}),
    ("Edit", {"file_path": "/srv/app/tests/test_reader.py", "old_string": "    assert a == 1\n", "new_string": "    assert a\n"}),
    ("Grep", {"pattern": "def main", "path": "/srv/app"}),
    ("WebFetch", {"url": "https://docs.example.com/guide", "prompt": "Summarise"}),
    ("Task", {"prompt": "Read the code and report what it does.", "subagent_type": "general"}),
    ("mcp__issues__get", {"id": 7}),
    ("TodoWrite", {"todos": [{"content": "Run the tests", "status": "pending"}]}),
    ("update_plan", {}),
)  # fmt: skip
_OUTPUTS = (
    "12 passed, 1 failed in 0.32s\nFAILED tests/test_reader.py::test_a - AssertionError: 1 != 2\n",
    'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nValueError: no header\n',
    "Exit code: 1\nerror: could not compile; permission denied\n",
    "# Guide\nTo use it, first install the package. You must then call `read`.\n- see https://example.com\n",
    _FILE,
    "",
)
_SAID = (
    "I ran the tests and all 12 tests pass. The build succeeded, and I deployed nothing.",
    "The test still fails because of an error in the header; let me look at it again.",
    "I've updated src/reader.py and added a test. Next I'll check the results.",
)
_ASKED = (
    "Please fix the failing test in tests/test_reader.py. Don't push, and only touch src/.",
    "Looks good. Commit it and open a pull request.",
)


def ordinary() -> Iterator[Event]:
    """The events of an ordinary session, with every kind of event in it."""
    told: list[tuple[Kind, dict[str, Any]]] = [("session_start", {"detail": '{"version": "1"}'})]
    told += [("system_message", {"text": "You are a coding agent. Never commit secrets."})]
    told += [("user_message", {"text": text, "author": "human"}) for text in _ASKED]
    for number, (tool, arguments) in enumerate(_CALLS):
        call = {"tool": tool, "call_id": f"c{number}"}
        told.append(("tool_call", {**call, "arguments": json.dumps(arguments)}))
        output = _OUTPUTS[number % len(_OUTPUTS)]
        told.append(("tool_result", {**call, "text": output, "exit_status": number % 2}))
        told.append(("tool_result", {**call, "text": "", "failed": True}))
        detail = {"tool": tool, "detail": '{"decision": "allow", "by": "user"}'}
        told += [("approval", detail), ("tool_result", {**detail, "text": output})]
    for kind in ("agent_message", "reasoning"):
        told += [(kind, {"text": text}) for text in _SAID]
    told += [(kind, {"detail": '{"decision": "allow"}'}) for kind in get_args(Kind)]
    told += [(kind, {"text": "noted"}) for kind in get_args(Kind)]
    for number, (kind, fields) in enumerate(told):
        yield Event(
            id=f"warming-{number}",
            session="warming",
            seq=number,
            kind=kind,
            surface="",
            time=number * 10**9,
            cwd="/srv/app",
            origin=Origin("", 0),
            **fields,
        )
