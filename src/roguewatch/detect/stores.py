"""Entries of shared stores that a command writes or reads: caches, queues, parameters, refs, packages."""

from __future__ import annotations

from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import words

_PUTS: dict[str, frozenset[str]] = {
    "redis-cli": words(
        "set setex setnx append lpush rpush sadd hset zadd xadd publish mset getset"
    ),
    "valkey-cli": words("set setex append lpush rpush sadd hset xadd publish"),
    "etcdctl": words("put"),
    "consul": words("put"),
    "vault": words("put write patch"),
    "aws": words("put-parameter put-secret-value create-secret send-message put-item"),
    "gcloud": words("create add publish"),
    "git": words("push"),
    "npm": words("publish deprecate dist-tag"),
    "pnpm": words("publish"),
    "yarn": words("publish"),
    "cargo": words("publish"),
    "twine": words("upload"),
    "docker": words("push"),
    "podman": words("push"),
}
_GETS: dict[str, frozenset[str]] = {
    "redis-cli": words("get getdel getrange lrange lpop rpop blpop brpop smembers hget hgetall xread "
                       "xrange subscribe mget"),
    "valkey-cli": words("get lrange lpop rpop smembers hget hgetall xread subscribe"),
    "etcdctl": words("get watch"),
    "consul": words("get"),
    "vault": words("get read"),
    "aws": words("get-parameter get-secret-value receive-message get-item"),
    "gcloud": words("access describe pull"),
    "git": words("fetch pull"),
    "npm": words("view show info pack install i add"),
    "pnpm": words("view info add install"),
    "yarn": words("info add"),
    "cargo": words("info add install search"),
    "pip": words("download index install"),
    "docker": words("pull run"),
    "podman": words("pull run"),
}  # fmt: skip
_NAMING = ("--name", "--secret-id", "--queue-url", "--topic", "--subscription", "--key")
_PACKAGERS = words("npm pnpm yarn cargo pip twine")
_PLAIN_REFS = words("main master develop trunk origin head upstream latest")


def entries(command: Command) -> tuple[list[str], list[str]]:
    """Names of the entries that a command leaves for others, and of those that it takes up.

    Those of packages begin with `package:`; a ref stands under `git:`, an image under `image:`.
    """
    program = "pip" if command.program == "pip3" else command.program
    puts, gets = _PUTS.get(program, frozenset()), _GETS.get(program, frozenset())
    if not puts and not gets:
        return [], []
    plain = [word for word in command.arguments if not word.startswith("-")]
    at = next((n for n, word in enumerate(plain[:6]) if word.lower() in puts | gets), -1)
    if at < 0:
        return [], []
    names = _names(program, command, plain[at + 1 :])
    return (names, []) if plain[at].lower() in puts else ([], names)


def _names(program: str, command: Command, rest: list[str]) -> list[str]:
    if program == "git":
        refs = [part.removeprefix("+") for word in rest[1:5] for part in word.split(":")]
        odd = [one for one in refs if one.startswith("refs/") and not _is_plain(one)]
        return [f"git:{one.lower()}" for one in odd]
    if program in ("docker", "podman"):
        return [f"image:{word.lower()}" for word in rest[:1] if "/" in word]
    if program in _PACKAGERS:
        found = [word.rpartition("/dist/")[2].removeprefix("dist/").lower() for word in rest[:6]]
        return [f"package:{_package(one)}" for one in found if len(one) > 3 and one[0].isalnum()]
    named = [
        value
        for name, value in zip(command.arguments, command.arguments[1:], strict=False)
        if name in _NAMING
    ]
    return [f"{program}:{one}" for one in (named or rest[:1]) if len(one) > 4]


def _is_plain(ref: str) -> bool:
    """Whether a ref is a branch or tag as people make them, which need not be a message."""
    return ref.startswith(("refs/heads/", "refs/tags/")) or ref.lower() in _PLAIN_REFS


def _package(word: str) -> str:
    """`zz-note` of `zz-note@1.0`, `zz_note-1.0.tar.gz` and `zz-note==1.0`."""
    name = word.split("@")[0].split("==")[0]
    if name.endswith((".gz", ".whl", ".tgz", ".zip")):
        name = name.split("-")[0]
    return name.replace("_", "-")
