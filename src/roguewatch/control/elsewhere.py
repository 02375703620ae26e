"""Whether a call changes something beyond this machine: a push, a release, a deployment, a row
in a database of another host, whatever is run over ssh.

For policies that let work on the machine go through and ask about what others will see of it.
Programs that only reach elsewhere count as changing it unless their verb is known to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from roguewatch.detect.commands.command import Command

_VERBS: dict[str, frozenset[str]] = {
    program: frozenset(verbs.split())
    for programs, verbs in {
        "git": "push send-email send-pack http-push p4 svn",
        "docker podman nerdctl": "push login service stack swarm",
        "npm pnpm yarn bun": "publish unpublish deprecate dist-tag owner access",
        "cargo": "publish yank owner",
        "gem": "push yank owner",
        "poetry uv flit hatch pdm": "publish upload",
        "twine": "upload",
        "mvn mvnw": "deploy release:perform",
        "dotnet": "nuget",
        "terraform tofu terragrunt": "apply destroy import state taint untaint refresh run-all",
        "pulumi cdk cdktf sam serverless sls copilot amplify": "up deploy destroy remove import",
        "vercel netlify wrangler firebase fly flyctl railway heroku eb gcloud-app": (
            "deploy publish up rollback destroy delete promote secrets scale ps:scale run releases"
        ),
    }.items()
    for program in programs.split()
    for verbs in (verbs,)
}
"""Programs with work of their own here, and the verbs with which they change something there."""

_LOOKS: dict[str, re.Pattern[str]] = {
    program: re.compile(rf"(?:{verbs})\Z")
    for programs, verbs in {
        "kubectl oc k9s": (
            "get|describe|logs|top|explain|version|cluster-info|api-resources|api-versions|config|"
            "diff|wait|port-forward|proxy|completion|kustomize|options|help"
        ),
        "helm": (
            "list|ls|status|history|version|template|lint|create|dependency|dep|package|repo|search|"
            "show|get|env|completion|pull|fetch|help|verify"
        ),
        "gh glab hub": (
            "view|list|status|diff|checks|watch|download|search|clone|checkout|browse|completion|"
            "help|version|config|extension|alias"
        ),
        "aws gcloud az doctl oci hcloud linode-cli ibmcloud": (
            r"(?:describe|list|get|show|head|search|lookup|batch-get|filter|select|tail|wait)"
            "(?:-.*)?|ls|help|version|info|config|configure|login|read|view|logs|sso"
        ),
    }.items()
    for program in programs.split()
}
"""Programs whose work is elsewhere, and the verbs with which they only look."""

_CHANGES = re.compile(
    r"(?:create|delete|update|put|set|rm|mv|cp|sync|remove|apply|deploy|start|stop|restart|"
    r"terminate|add|attach|detach|modify|patch|replace|scale|invoke|send|publish|merge|close|run(?=-))"
    r"(?:-.*)?\Z"
)
"""Verbs that no verb of looking beside them outweighs."""

_REACH = frozenset(("ssh", "mosh", "scp", "sftp", "ansible", "ansible-playbook", "pssh", "rsh"))
_DATABASES = frozenset(
    ("psql", "mysql", "mariadb", "mongosh", "mongo", "redis-cli", "sqlcmd", "clickhouse-client",
     "cqlsh", "pg_restore", "mysqladmin", "dropdb", "createdb")
)  # fmt: skip
_HERE = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[?::1\]?|0\.0\.0\.0|.*\.localhost)\Z")
_NAMED = re.compile(r"(?:-h(?!elp\Z)|--host=|(?:\w+=\S*\s+)*host(?:addr)?=)(\S+)")
"""A database's host in the word that says so: an option, or part of libpq's connection string."""
_SENDS = re.compile(
    r"-[dFT]|-[a-zA-Z]*[dFT]\Z|--(?:data|form|json|upload-file|post-data|post-file|body-data|body-file)"
)
_METHOD = re.compile(r"(?:-X|--request[= ]?|--method[= ]?)?(POST|PUT|PATCH|DELETE)\Z")


def changes_elsewhere(commands: Sequence[Command]) -> bool:
    """Whether any of the commands changes something on another machine."""
    return any("ssh" in {via.split(" ")[0] for via in one.via} or _reaches(one) for one in commands)


def _reaches(command: Command) -> bool:
    program, words = command.program.casefold(), command.arguments
    plain = list(_plain(words))
    if program in _REACH:
        return bool(plain)
    if verbs := _VERBS.get(program):
        if program == "git" and plain[:1] not in (["subtree"], ["lfs"]):
            plain = plain[:1]  # `git stash push` stays here
        return any(word.casefold() in verbs for word in plain[:2])
    if looks := _LOOKS.get(program):
        verbs_said = [word.casefold() for word in plain[:4]]
        if program in ("gh", "glab") and "api" in verbs_said[:1]:
            return any(_METHOD.match(word) or re.match(r"-[fF]|--(?:raw-)?field|--input", word)
                       for word in words)  # fmt: skip
        looking = any(looks.match(word) for word in verbs_said)
        return bool(plain) and not (looking and not any(map(_CHANGES.match, verbs_said[:3])))
    other = _OTHER.get(program)
    return other is not None and other(command)


def _plain(words: Sequence[str]) -> Iterator[str]:
    """The words that are neither options nor the values of git's that come before its verb."""
    valued = False
    for word in words:
        if not valued and not word.startswith("-"):
            yield word
        valued = word in ("-C", "-c", "--git-dir", "--work-tree", "--namespace")


def _copies(command: Command) -> bool:
    """rsync: to or from another host."""
    return any(re.match(r"[^-/\s][^/\s]*:", word) for word in command.arguments)


def _asks_a_database(command: Command) -> bool:
    """A client of a database that is told of another host."""
    words = command.arguments
    named = [words[place + 1] for place, word in enumerate(words[:-1]) if word in ("-h", "--host")]
    named += [said[1] for word in words if (said := _NAMED.match(word))]
    named += [
        word.rpartition("@")[2].split("/")[0].split(":")[0] for word in words if "://" in word
    ]
    return any(not _HERE.match(host) and not host.startswith("/") for host in named if host)


def _sends(command: Command) -> bool:
    """curl, wget and their like: something is given to another host."""
    if command.urls and all(_HERE.match(_host(url)) for url in command.urls):
        return False
    words = command.arguments
    return any(_METHOD.match(word) for word in words) or any(map(_SENDS.match, words))


def _host(url: str) -> str:
    return re.sub(r"^\w+://", "", url).rpartition("@")[2].split("/")[0].rsplit(":", 1)[0]


_OTHER: dict[str, Callable[[Command], bool]] = {
    "rsync": _copies,
    **dict.fromkeys(_DATABASES, _asks_a_database),
    **dict.fromkeys(("curl", "wget", "wget2", "http", "https", "xh", "curlie"), _sends),
}
