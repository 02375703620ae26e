"""What kind of tool a call uses, whatever its agent calls it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

ToolClass = Literal[
    "shell", "read", "write", "edit", "fetch", "search", "agent", "mcp", "other", ""
]
"""What a tool call does. Empty on events that are no tool call or result."""

# Names are compared in lower case without `-`, `_` and spaces, so that one row covers
# `run_shell_command`, `RunShellCommand` and `run-shell-command`.
_NAMES: dict[ToolClass, str] = {
    "shell": "bash shell execcommand runshellcommand writestdin localshell localshellcall sh "
    "terminal runterminalcmd runinterminal runcommand executecommand executebash powershell pwsh "
    "cmd python runpython executepython pythonexec codeinterpreter codeexecution executecode "
    "runcode ipython ipythonruncell jupyter exec unifiedexec containerexec bashsession "
    "bashinteractive shellcommand writebash bashtool execute execbash",
    "read": "read readfile readmanyfiles view viewimage openfile open cat listdirectory listdir "
    "ls notebookread viewfile getfile readtextfile readbash bashoutput taskoutput fileread",
    "write": "write writefile create createfile savefile filewrite writetofile notebookcreate",
    "edit": "edit multiedit replace strreplace strreplaceeditor strreplacebasededittool "
    "applypatch notebookedit editfile insert patch applydiff searchreplace replaceinfile "
    "texteditor textedit editor deletefile",
    "fetch": "webfetch fetch fetchurl httprequest browser webbrowser openurl webbrowsergo "
    "playwright navigate browsernavigate curl download",
    "search": "grep glob search websearch googlewebsearch searchfilecontent codebasesearch "
    "filesearch searchdir searchfile findfile toolsearch find rg grepsearch",
    "agent": "task agent spawnagent subagent dispatchagent delegate handoff sendinput "
    "runsubagent newtask",
}
_BY_NAME: dict[str, ToolClass] = {
    name: tool_class for tool_class, names in _NAMES.items() for name in names.split()
}
_EDITOR_VERBS: dict[str, ToolClass] = {
    "view": "read",
    "create": "write",
    "str_replace": "edit",
    "insert": "edit",
    "undo_edit": "edit",
    "delete": "edit",
    "rename": "edit",
}
_SHELLS = {
    "powershell": "powershell",
    "pwsh": "powershell",
    "cmd": "cmd",
    "python": "python",
    "runpython": "python",
    "executepython": "python",
    "pythonexec": "python",
    "codeinterpreter": "python",
    "codeexecution": "python",
    "executecode": "python",
    "runcode": "python",
    "ipython": "python",
    "ipythonruncell": "python",
    "jupyter": "python",
}
PATH_KEYS = (
    "file_path", "path", "filePath", "absolute_path", "notebook_path", "filename", "file",
    "file_name", "target_file", "directory", "dir_path", "paths", "files", "source",
    "destination", "old_path", "new_path",
)  # fmt: skip
COMMAND_KEYS = ("command", "cmd", "commands", "shell_command", "bash_command", "cmdline", "script")
CODE_KEYS = ("code", "python_code", "source_code")
_SCRIPT_KEYS = frozenset(COMMAND_KEYS + CODE_KEYS)


_AGENTS = frozenset(("agent_id", "agent", "agents", "type", "target", "interrupt", "items"))
"""Arguments of a message to another agent (Claude Code, Codex)."""


def plain(name: str) -> str:
    """A tool name without case, `-`, `_` and spaces."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


@lru_cache(maxsize=1024)
def _last(tool: str, separator: str = "") -> str:
    """The last part of a name, as `plain`: `functions.shell` is a `shell`."""
    name = tool.rpartition(".")[2]
    return plain(name.rpartition(separator)[2] if separator else name)


@lru_cache(maxsize=1024)
def _named(tool: str) -> ToolClass | None:
    """The class of a tool by its name alone."""
    return "mcp" if is_mcp(tool) else _BY_NAME.get(_last(tool))


def is_mcp(tool: str) -> bool:
    """Whether the name is one of Claude Code's or Codex's names of an MCP tool."""
    return tool.startswith("mcp__")


def classify(tool: str, arguments: Mapping[str, Any]) -> ToolClass:
    """The class of a tool from its name, then from the shape of its arguments.

    A name says more than a shape: `mcp__shell__run` is `mcp` and `Grep` is `search`
    although both may have a `path`. Commands are understood whatever the class is.

    Args:
        tool: the name as the source spells it.
        arguments: the call's arguments; may be empty, as they are for results.
    """
    if not tool:
        return ""
    named = _named(tool)
    if named == "mcp":
        return named
    if "path" in arguments:
        verb = arguments.get("command")
        if isinstance(verb, str) and verb in _EDITOR_VERBS:
            return _EDITOR_VERBS[verb]
    if named is not None:
        return named
    if _last(tool) == "sendmessage" and not _AGENTS.isdisjoint(arguments):
        return "agent"  # to another agent; by the name alone it may go to a person
    if any(isinstance(arguments.get(key), str | list) for key in COMMAND_KEYS[:2]):
        return "shell"
    if any(key in arguments for key in ("old_string", "old_str", "patch", "diff")):
        return "edit"
    if "content" in arguments and any(key in arguments for key in ("file_path", "path")):
        return "write"
    return "other"


def shell_texts(tool: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The texts among the arguments that a shell or interpreter runs.

    Returns:
        (text, language) with language `bash`, `powershell`, `cmd`, `python` or
        `javascript`. An argument vector is joined with shell quoting.
    """
    name = _last(tool, "__")
    language = _SHELLS.get(name, "bash")
    if "path" in arguments:
        verb = arguments.get("command")
        if isinstance(verb, str) and verb in _EDITOR_VERBS:
            return []
    found: list[tuple[str, str]] = []
    if not _SCRIPT_KEYS.isdisjoint(arguments):
        found += [(text, language) for text in _given(arguments, COMMAND_KEYS)]
        coded = "python" if language == "bash" else language
        found += [(text, coded) for text in _given(arguments, CODE_KEYS)]
    if name == "writestdin":
        found += [(text, "bash") for text in _scripts(arguments.get("chars"))]
    elif not found and _BY_NAME.get(name) == "shell":
        # Codex Code Mode gives `exec` a JavaScript program as its only input.
        code = "javascript" if name == "exec" else language
        keys = ("input", "action", "text", "keystrokes", "args")
        found += [(text, code) for text in _given(arguments, keys)]
    return found


def _given(arguments: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    """The scripts under some keys, in their order."""
    found: list[str] = []
    for key in keys:
        if key in arguments:
            found += _scripts(arguments[key])
    return found


def _scripts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return [shlex.join(value)]
    return []
