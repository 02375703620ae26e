"""Which identities and credentials an action names. Never a secret's value."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from roguewatch.detect.action import Action
from roguewatch.detect.commands.command import Command

_CREDENTIAL_NAMES = frozenset(
    (
        "credentials", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".pgpass", ".my.cnf",
        ".dockercfg", "application_default_credentials.json", "credentials.json", "kubeconfig",
        "credentials.db", "access_tokens.db", "hosts.yml", "authorized_keys", ".env", ".vault-token",
    )
)  # fmt: skip
_CREDENTIAL_PATH = re.compile(
    r"(?:^|/)(?:\.aws/(?:credentials|config)|\.ssh/[^/]*|\.kube/config|\.docker/config\.json"
    r"|\.gnupg(?:/.*)?|\.config/gcloud(?:/.*)?|\.azure(?:/.*)?|id_(?:rsa|dsa|ecdsa|ed25519)[^/]*"
    r"|secrets/kubernetes\.io/serviceaccount(?:/.*)?|\.env(?:\.[a-z]+)?|[^/]*\.(?:pem|p12|pfx|key))\Z"
)
_SECRET_NAME = re.compile(
    r"[A-Z][A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY"
    r"|CREDENTIALS?|_PAT|_KEY)(?:_ID)?(?![A-Z0-9_])"
)
_AT_HOST = re.compile(r"(?:[a-z+]+://)?([A-Za-z0-9._-]{1,64})(?::[^@/\s]*)?@([A-Za-z0-9.-]{1,253})")
_WITH_HOST = frozenset(("ssh", "scp", "sftp", "rsync", "git", "mosh", "psql", "curl"))
_OPTIONS: dict[str, dict[str, str]] = {
    "aws": {"--profile": "aws profile"},
    "gcloud": {"--account": "gcloud account", "--impersonate-service-account": "gcloud account"},
    "kubectl": {"--as": "kubernetes user", "--context": "kubernetes context"},
    "sudo": {"-u": "user", "--user": "user"},
    "su": {"-l": "user"},
    "ssh": {"-i": "key", "-l": "user"},
    "az": {"--subscription": "azure subscription"},
}
_PROFILE_VARIABLES = {
    "AWS_PROFILE": "aws profile", "KUBECONFIG": "key", "GIT_AUTHOR_EMAIL": "git author",
    "GIT_COMMITTER_EMAIL": "git author", "CLOUDSDK_CORE_ACCOUNT": "gcloud account",
}  # fmt: skip


def identities_of(action: Action) -> tuple[str, ...]:
    """Identities and credentials that an action names, as `kind name`.

    Credential files are named by path, secrets in the environment by the variable's name,
    accounts by option or address. What a program uses by itself (a cached login) is not in
    an action and cannot be told from it.
    """
    found = [f"key {path}" for path in action.paths if is_credential(path)]
    for command in action.commands:
        found += _of_command(command)
    return tuple(dict.fromkeys(found))


def is_credential(path: str) -> bool:
    """Whether a path is a place where credentials are kept."""
    return PurePosixPath(path).name in _CREDENTIAL_NAMES or bool(_CREDENTIAL_PATH.search(path))


def _of_command(command: Command) -> list[str]:
    found = []
    for assigned in command.assignments:
        name, _, value = assigned.partition("=")
        if kind := _PROFILE_VARIABLES.get(name):
            found.append(f"{kind} {value[:200]}")
        elif _SECRET_NAME.fullmatch(name):
            found.append(f"variable {name}")
    for name in _SECRET_NAME.findall(command.text[:65536]):
        if f"${name}" in command.text or f"${{{name}" in command.text:
            found.append(f"variable {name}")
    options = _OPTIONS.get(command.program, {})
    words = command.arguments
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in options:
            value = value if equals else words[index + 1] if index + 1 < len(words) else ""
            if value:
                found.append(f"{options[option]} {value[:200]}")
    if command.program in _WITH_HOST:
        for word in words:
            if match := _AT_HOST.match(word):
                found.append(f"account {match[1]}@{match[2]}")
    if command.program == "git" and "user.email" in words:
        index = words.index("user.email")
        found += [f"git author {value[:200]}" for value in words[index + 1 : index + 2]]
    return found
