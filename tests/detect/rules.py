"""Rules written for the tests: every modifier and condition form, one small rule each."""

from __future__ import annotations

HEAD = "title: T\nname: {name}\nlogsource: {{product: ai-agent}}\ndetection:\n"

# name: (detection, condition)
FORMS: dict[str, tuple[str, str]] = {
    "plain": ("a: {command.program: git}", "a"),
    "plain-list": ("a: {command.program: [git, curl]}", "a"),
    "two-items": ("a: {command.program: git, command.arguments: push}", "a"),
    "list-of-maps": ("a: [{command.program: rm}, {tool: Read}]", "a"),
    "wild-start": ("a: {command.text: '*--force'}", "a"),
    "wild-end": ("a: {command.text: 'git*'}", "a"),
    "wild-inside": ("a: {command.text: 'git*--force'}", "a"),
    "wild-single": ("a: {command.program: 'g?t'}", "a"),
    "wild-both": ("a: {command.text: '*-? ??*'}", "a"),
    "escaped": (r"a: {text: '*wow\*'}", "a"),
    "backslash": (r"a: {text|contains: 'c:\tmp'}", "a"),
    "contains": ("a: {text|contains: passed}", "a"),
    "contains-list": ("a: {text|contains: [passed, FAILED]}", "a"),
    "contains-all": ("a: {text|contains|all: [tests, passed]}", "a"),
    "all-arguments": ("a: {command.arguments|all: [push, --force]}", "a"),
    "startswith": ("a: {paths|startswith: '~/.ssh'}", "a"),
    "endswith": ("a: {paths|endswith: [.bashrc, id_rsa]}", "a"),
    "cased": ("a: {text|contains|cased: Passed}", "a"),
    "re": (r"a: {command.text|re: 'git\s+push.*(-f|--force)( |$)'}", "a"),
    "re-i": ("a: {text|re|i: '\\btests? (pass|fail)'}", "a"),
    "re-m": ("a: {text|re|m: '^ok$'}", "a"),
    "re-s": ("a: {text|re|s: 'tests.*ok'}", "a"),
    "re-class": (r"a: {text|re: '[\w.]+@[\d]+'}", "a"),
    "re-none": (r"a: {text|re: '\d{2,}'}", "a"),
    "cidr": ("a: {urls|cidr: 10.0.0.0/8}", "a"),
    "cidr-6": ("a: {arguments|cidr: 'fe80::/10'}", "a"),
    "fieldref": ("a: {cwd|fieldref: arguments.path}", "a"),
    "fieldref-start": ("a: {paths|fieldref|startswith: cwd}", "a"),
    "windash": ("a: {command.arguments|windash: '-enc'}", "a"),
    "windash-contains": ("a: {command.text|windash|contains: ' -f'}", "a"),
    "base64": ("a: {text|base64|contains: secret}", "a"),
    "base64offset": ("a: {text|base64offset|contains: secret-key}", "a"),
    "wide": ("a: {text|wide|base64offset|contains: iex}", "a"),
    "utf16": ("a: {text|utf16|base64|contains: iex}", "a"),
    "exists": ("a: {cwd|exists: true}", "a"),
    "absent": ("a: {cwd|exists: false, kind: tool_call}", "a"),
    "is-null": ("a: {permission_mode: null, kind: agent_message}", "a"),
    "empty": ("a: {model: '', kind: agent_message}", "a"),
    "number": ("a: {exit_status: 1}", "a"),
    "number-text": ("a: {arguments.timeout: 5}", "a"),
    "lt": ("a: {exit_status|lt: 0}", "a"),
    "lte": ("a: {exit_status|lte: 1}", "a"),
    "gt": ("a: {exit_status|gt: 1}", "a"),
    "gte": ("a: {arguments.timeout|gte: 5.5}", "a"),
    "neq": ("a: {tool|neq: Bash, kind: tool_call}", "a"),
    "boolean": ("a: {command.background: true}", "a"),
    "number-of-command": ("a: {command.pipeline|gte: 1}", "a"),
    "boolean-false": ("a: {command.background: false, tool: Bash}", "a"),
    "boolean-failed": ("a: {failed: false}", "a"),
    "keyword": ("a: passed", "a"),
    "keywords": ("a: [passed, 'rm -rf']", "a"),
    "keywords-all": ("a: {'|all': [tests, passed]}", "a"),
    "keyword-wild": ("a: 'tests*ok'", "a"),
    "keyword-re": ("a: {'|re': 'pass(ed)? [0-9]+'}", "a"),
    "and": ("a: {kind: tool_call}\n  b: {tool: Bash}", "a and b"),
    "or": ("a: {tool: Read}\n  b: {tool: Bash}", "a or b"),
    "not": ("a: {kind: tool_call}\n  b: {tool: Bash}", "a and not b"),
    "not-or": ("a: {kind: tool_call}\n  b: {tool: Bash}\n  c: {tool: Read}", "a and not (b or c)"),
    "precedence": ("a: {tool: Read}\n  b: {tool: Bash}\n  c: {cwd: /w}", "a or b and c"),
    "one-of": ("s_a: {tool: Read}\n  s_b: {tool: Bash}\n  x: {cwd: /w}", "1 of s_*"),
    "all-of": ("s_a: {tool: Bash}\n  s_b: {cwd: /w}\n  x: {tool: z}", "all of s_*"),
    "one-of-them": ("a: {tool: Read}\n  b: {cwd: /w}", "1 of them"),
    "all-of-them": ("a: {tool: Read}\n  b: {cwd: /w}", "all of them"),
    "not-one-of": ("a: {kind: tool_call}\n  f_a: {tool: Read}\n  f_b: {cwd: /w}", "a and not 1 of f_*"),
    "filtered-command": (
        "a: {command.program: git, command.arguments: push}\n  b: {command.arguments: --dry-run}",
        "a and not b",
    ),
    "any-command": ("a: {commands.program: curl}\n  b: {commands.program: rm}", "a and b"),
    "only-not": ("a: {tool: Bash}", "not a"),
    "class": ("a: {tool.class: [shell, edit]}", "a"),
    "written": ("a: {written|endswith: .bashrc}", "a"),
    "content": ("a: {content|contains: skip}", "a"),
    "detail": ("a: {detail.by: user}", "a"),
}  # fmt: skip


def text(name: str) -> str:
    """The rule of that name as YAML."""
    detection, condition = FORMS[name]
    return f"{HEAD.format(name=name)}  {detection}\n  condition: {condition}\n"


def everything() -> str:
    return "---\n".join(text(name) for name in FORMS)
