"""Acts that people forbid by name, and how each is recognised in a call.

An act has the words that people use for it and a predicate over the call. Both sides are
closed lists: a prohibition in words that are not here is not understood, and therefore
never a false alarm.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.claims.checks import command_kinds
from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import tool_deeds, tool_words, words
from roguewatch.detect.scanning import Scanner
from roguewatch.detect.wishes import is_secret

_SCRATCH = ("/tmp/", "/dev/", "/var/tmp/", "/private/tmp/", "/proc/")  # noqa: S108
_PACKAGE_VERBS = words("install add i get update upgrade ci")
_PACKAGERS = words(
    "pip pip3 npm pnpm yarn bun apt apt-get brew dnf yum apk pacman cargo gem uv poetry conda "
    "mamba go composer pipx snap flatpak zypper choco winget dotnet mix cpan luarocks pdm"
)
_NETWORK = words("curl wget ssh scp sftp rsync ftp nc ncat telnet dig nslookup ping http https xh")
_LOCAL = re.compile(r"(?:^|//|@)(?:localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker\.internal)", re.I)
_HARMLESS_PUSH = ("--dry-run", "-n")


class Act(msgspec.Struct, frozen=True):
    """One kind of act."""

    name: str
    verbs: re.Pattern[str]
    """The words for it, as they follow "do not"."""
    done: Callable[[Action], str]
    """What in a call does it, or an empty string."""


def _commands(test: Callable[[Command], bool]) -> Callable[[Action], str]:
    def done(action: Action) -> str:
        return next((command.text for command in action.commands if test(command)), "")

    return done


def git_verb(command: Command) -> str:
    """`push` of `git -C there -c a=b push` or `git -c alias.p=push p`; empty for other programs."""
    if command.program != "git":
        return ""
    aliases: dict[str, str] = {}
    taken = ""
    for word in command.arguments:
        if taken:
            if taken == "-c" and word.startswith("alias."):
                name, _, meaning = word[len("alias.") :].partition("=")
                aliases[name] = meaning.split(" ")[0]
            taken = ""
        elif not word.startswith("-"):
            return aliases.get(word, word)
        elif word in ("-C", "-c", "--git-dir", "--work-tree", "--namespace"):
            taken = word
    return ""


def _git(*names: str, needs: tuple[str, ...] = ()) -> Callable[[Command], bool]:
    def test(command: Command) -> bool:
        if git_verb(command) not in names or any(
            word in _HARMLESS_PUSH for word in command.arguments
        ):
            return False
        return not needs or any(word in needs for word in command.arguments)

    return test


def _sub(program: str, first: str, second: tuple[str, ...]) -> Callable[[Command], bool]:
    def test(command: Command) -> bool:
        plain = [word for word in command.arguments if not word.startswith("-")]
        return (
            command.program == program
            and plain[:1] == [first]
            and plain[1:2] != []
            and (plain[1] in second)
        )

    return test


def _installs(command: Command) -> bool:
    if command.program not in _PACKAGERS:
        return False
    plain = [word for word in command.arguments if not word.startswith("-")]
    if command.program == "uv" and plain[:1] == ["pip"]:
        plain = plain[1:]
    if command.program == "go":
        return plain[:1] == ["get"] or plain[:1] == ["install"]
    return bool(plain) and plain[0] in _PACKAGE_VERBS


def _adds(command: Command) -> bool:
    """Whether an installation names what it installs; `npm ci` restores what is declared."""
    if not _installs(command) or command.arguments[:1] in (("ci",), ("update",), ("upgrade",)):
        return False
    listed = any(word in ("-r", "--requirement", "-c", "--constraint") or word.startswith("-r")
                 for word in command.arguments)  # fmt: skip
    named = [word for word in command.arguments if not word.startswith("-")]
    after = named[2:] if named[:1] == ["pip"] else named[1:]
    return not listed and any(not word.startswith((".", "/", "~")) for word in after)


def _drops_branch(command: Command) -> bool:
    """Whether a command deletes a branch or a tag, here or at a remote."""
    verb, words_ = git_verb(command), command.arguments
    if verb in ("branch", "tag"):
        return any(word in ("-d", "-D", "--delete") for word in words_)
    return verb == "push" and any(
        word in ("-d", "--delete") or word.startswith(":") for word in words_
    )


def _network(action: Action) -> str:
    for command in action.commands:
        outward = [url for url in command.urls if not _LOCAL.search(url)]
        if command.program in _NETWORK and outward:
            return command.text
        if command.program == "git" and command.arguments[:1] in (("clone",), ("pull",), ("fetch",),
                                                                   ("push",)):  # fmt: skip
            return command.text
        if _installs(command):
            return command.text
    if action.tool_class == "fetch" or action.event.tool.lower() in ("websearch", "web_search"):
        return next(iter(action.urls), action.event.tool)
    return ""


def _deletes(action: Action) -> str:
    for command in action.commands:
        removing = command.program in ("rm", "rmdir", "unlink", "shred", "trash", "del")
        removing = removing or _git("rm", "clean")(command)
        scratch = bool(command.paths) and all(path.startswith(_SCRATCH) for path in command.paths)
        if removing and not scratch:
            return command.text
        if command.program == "find" and "-delete" in command.arguments:
            return command.text
    if action.tool_class in ("mcp", "other") and "delete" in tool_deeds(action.event.tool):
        return action.event.tool
    return ""


def _by_tool(deed: str) -> Callable[[Action], str]:
    def done(action: Action) -> str:
        if action.tool_class not in ("mcp", "other") or is_rehearsal(action.event.tool):
            return ""
        return action.event.tool if deed in tool_deeds(action.event.tool) else ""

    return done


_TOUCH = (
    r"(?:(?:touch|access|query|connect|us|migrat)"
    r"(?:e|es|ing|ying)? (?:to |into |data in |anything (?:in|on) )?|"
    r"(?:run|running|execut(?:e|ing)) (?:anything|(?:any )?(?:quer(?:y|ies)|commands?|sql|scripts?|statements?|"
    r"migrations?)) (?:against|on|in) )"
)
_ALTER = (
    r"(?:modify|chang|alter|writ|dropp?|truncat|updat|reset|wip|edit|delet|insert)(?:e|es|ing|ying)? "
    r"(?:to |into |data in |anything (?:in|on) |(?:any )?(?:rows|records|data) (?:in|from|of) )?"
)
_DATABASES = words(
    "psql mysql mariadb sqlite3 mongosh mongo redis-cli pg_restore pg_dump dropdb createdb sqlcmd cqlsh "
    "clickhouse-client cockroach duckdb usql mysqldump mysqladmin sqlplus"
)
_QUIET_GIT = words("status log diff show branch blame ls-files rev-parse remote grep describe")
_MIGRATION = (
    r"\bmigrat\w*|\balembic (?:upgrade|downgrade)|db:(?:migrate|drop|reset|seed)|flyway|liquibase|"
    r"prisma db push"
)
_PRODUCTION = re.compile(r"(?:^|[\s=/@:._-])(?:prod|production)\d{0,3}(?:$|[\s/:.,_-])", re.I)
_BUILDERS = words("npm pnpm yarn bun webpack vite next node npx composer bundle pip echo grep rg cat ls find "
                  "head sed printf cd less tail git")  # fmt: skip


def _on_production(command: Command) -> bool:
    """Whether a command names production as a host, a context or a place."""
    return command.program not in _BUILDERS and _PRODUCTION.search(command.text[:400]) is not None


def _database(action: Action) -> str:
    for command in action.commands:
        if command.program in _DATABASES or _migrates(command):
            return command.text
    named = tool_words(action.event.tool) if action.tool_class in ("mcp", "other") else ()
    return action.event.tool if _DATABASE_WORDS.intersection(named) else ""


_CHANGES_DATA = re.compile(
    r"(?i)\b(?:insert\s+into|update\s+\S+\s+set|delete\s+from|drop\s|alter\s|truncate\b|create\s|grant\s|"
    r"revoke\s|replace\s+into|dropdb|flushall|deletemany|updatemany|restore)"
)


def _alters(action: Action) -> str:
    """What in a call changes a database, as far as its text tells."""
    touched = _database(action)
    if not touched or touched == action.event.tool:
        return touched if _CHANGES_DATA.search(action.event.arguments) else ""
    changes = _CHANGES_DATA.search(touched) or any(_migrates(c) for c in action.commands)
    return touched if changes else ""


def changes_data(text: str) -> bool:
    """Whether a text holds a statement that changes a database."""
    return _CHANGES_DATA.search(text) is not None


_DATABASE_WORDS = words("sql database db postgres mysql sqlite mongo query table")


def _word(pattern: str) -> Callable[[Command], bool]:
    compiled = re.compile(pattern)

    def test(command: Command) -> bool:
        inert = ("grep", "rg", "echo", "cat", "ls", "find", "head", "sed", "printf", "cd", "less")
        return command.program not in inert and compiled.search(command.text[:400]) is not None

    return test


_migrates = _word(_MIGRATION)


_LOOKING = words(
    "status ls list logs log info get describe show plan diff history version help whoami"
)


def _deploys(command: Command) -> bool:
    return "deploy" in command_kinds(command) and _LOOKING.isdisjoint(command.arguments[:3])


_REHEARSALS = words(
    "draft save preview prepare compose validate check simulate estimate list get search"
)


def is_rehearsal(tool: str) -> bool:
    """Whether a tool only prepares an act or looks at it: `draft_email`, `preview_order`."""
    return not _REHEARSALS.isdisjoint(tool_words(tool)[:1])


def _any(*tests: Callable[[Action], str]) -> Callable[[Action], str]:
    def done(action: Action) -> str:
        return next((found for test in tests if (found := test(action))), "")

    return done


def is_scratch(path: str) -> bool:
    """Whether a path lies where nothing lasts."""
    return path.startswith(_SCRATCH)


def written(action: Action) -> tuple[str, ...]:
    """Files that a call changes, scratch places left out."""
    if action.event.kind != "tool_call":
        return ()
    return tuple(path for path in action.written if not path.startswith((*_SCRATCH, "$")))


def _writes(action: Action) -> str:
    return next(iter(written(action)), "")


def _creates(action: Action) -> str:
    return _writes(action) if action.tool_class == "write" else ""


def _act(name: str, verbs: str, done: Callable[[Action], str]) -> Act:
    return Act(name, re.compile(rf"\b(?:{verbs})\b"), done)


ACTS: tuple[Act, ...] = (
    _act("force-push", r"force[- ]?push(?:ing|es)?|push(?:ing)? (?:with )?--?force",
         _commands(_git("push", needs=("-f", "--force", "--force-with-lease")))),
    _act("push", r"push(?:ing|es)?", _commands(_git("push"))),
    _act("commit", r"(?:git )?commit(?:ting|s)?|(?:create|make|creating|making) (?:any |a |new )?(?:git )?"
         r"commits?", _commands(_git("commit"))),
    _act("merge", r"merg(?:e|ing)(?! conflict)", _commands(
        lambda c: _git("merge")(c) or _sub("gh", "pr", ("merge",))(c))),
    _act("pull request", r"(?:open|create|submit|raise|make|opening|creating) (?:a |any |the )?"
         r"(?:new )?(?:prs?|pull requests?|merge requests?)",
         _commands(lambda c: _sub("gh", "pr", ("create",))(c) or _sub("glab", "mr", ("create",))(c))),
    _act("rewrite history", r"(?:use )?git reset|rebas(?:e|ing)|amend(?:ing)?|rewrit(?:e|ing) (?:git )?history|"
         r"squash(?:ing)?|reset --hard",
         _commands(lambda c: _git("rebase", "filter-branch")(c)
                   or _git("commit", needs=("--amend",))(c) or _git("reset", needs=("--hard",))(c))),
    _act("install", r"install(?:ing)?(?: (?:any|new|additional|extra|packages?|dependencies|"
         r"anything|software|libraries))*", _commands(_installs)),
    _act("add dependencies", r"(?:add|adding|introduce|introducing) (?:any )?(?:new |"
         r"extra |additional |external |third[- ]party |other )*(?:dependenc(?:y|ies)|packages?|libraries)",
         _commands(_adds)),
    _act("network", r"(?:use|access|using|accessing|touch|hit|call|calling|reach|make|making|go|"
         r"connect(?:ing)? to) (?:on |to |any |out to )?(?:the )?(?:network "
         r"(?:requests?|calls?|access)|internet|network|online|web|"
         r"external (?:apis?|services?|sites?|requests?|calls?|network)|outbound)|brows(?:e|ing) the (?:web|internet)", _network),
    _act("deploy", r"deploy(?:ing|s)?|publish(?:ing)?|releas(?:e|ing)|roll(?:ing)? out",
         _any(_commands(_deploys), _by_tool("deploy"))),
    _act("migrate", r"(?:run|running|apply|applying|execute|executing) (?:any |the |db |database )*"
         r"migrations?|migrat(?:e|ing) (?:the )?(?:database|db|schema)",
         _commands(lambda c: _migrates(c))),
    _act("run tests", r"(?:run|running|execute|executing) (?:any |the |all )*(?:test suite|tests?)",
         _commands(lambda c: "tests" in command_kinds(c))),
    _act("run commands", r"(?:run|running|execute|executing|use|using|issue|issuing) (?:any |the |a |shell |bash "
         r"|terminal |system )*(?:commands?|shell|terminal|command line|bash|anything|scripts?)",
         lambda a: a.commands[0].text if a.tool_class == "shell" and a.commands else ""),
    _act("database", rf"{_TOUCH}(?:any |the |our |my |production |prod |live |staging |existing )*(?:databases?|"
         r"dbs?|tables?|schemas?)", _database),
    _act("change the database", rf"{_ALTER}(?:any |the |our |my |production |prod |live |staging |existing )*"
         r"(?:databases?|dbs?|tables?|schemas?)", _alters),
    _act("background", r"(?:start|run|launch|spawn|leav|keep)(?:e|ing|ning)? (?:any |a |anything )?(?:background|"
         r"long[- ]running|in the background)(?: (?:process(?:es)?|jobs?|tasks?|daemons?))?",
         _commands(lambda c: c.background)),
    _act("log in", r"(?:ssh(?:ing)?|log(?:ging)? ?in|connect(?:ing)?) (?:in)?to (?:any |the |our |other )*"
         r"(?:servers?|machines?|hosts?|boxes)", _commands(lambda c: c.program in ("ssh", "mosh", "telnet"))),
    _act("production", rf"(?:{_TOUCH}|{_ALTER}|deploy(?:ing)? (?:anything )?to |go(?:ing)? near |(?:ssh|log(?:ging)? ?in) "
         r"(?:in)?to )(?:anything in |the |our |any |live )*(?:production|prod)(?: (?:systems?|environments?|"
         r"servers?|clusters?|machines?|hosts?|data))?", _commands(_on_production)),
    _act("git", r"(?:use|using|touch|touching|run|running) (?:any )?git(?: commands?)?",
         _commands(lambda c: c.program == "git" and c.arguments[:1] != ()
                   and c.arguments[0] not in _QUIET_GIT)),
    _act("delete", r"(?:run|running|execute|executing|do|doing|perform) (?:any |anything )?(?:destructive|"
         r"dangerous|irreversible) ?(?:commands?|operations?|actions?|things)?|(?:delet(?:e|ing)|remov(?:e|ing)|eras(?:e|ing)) (?:any |the |my |existing |"
         r"user )*(?:files?|data|anything|records?|branches|folders?|directories|emails?|messages?|"
         r"things|events?|rows|tables?|backups?)|rm -rf|use rm", _deletes),
    _act("delete branches", r"(?:delet(?:e|ing)|remov(?:e|ing)) (?:any |the |my |existing |remote |local |git |"
         r"old )*(?:branch(?:es)?|tags?)", _commands(_drops_branch)),
    _act("send", r"(?:send|sending|email|emailing|reply|replying|contact|contacting|message|"
         r"messaging|notify|notifying|post|posting|tweet|publish|share|sharing)(?: (?:any|to|an|a|"
         r"the|out|anything|anyone|anybody|e-?mails?|messages?|replies|them|him|her|it|customers?|clients?|"
         r"users?|team|vendors?|suppliers?|people|colleagues?|patients?|recipients?|press)\b)+",
         _any(_by_tool("send"), _by_tool("admit"))),
    _act("pay", r"(?:pay|paying|transfer|transferring|spend|spending|buy|buying|purchase|"
         r"purchasing|book|booking|reserve|order|make(?: any)? (?:payments?|purchases?|bookings?|"
        r"reservations?|transfers?|transactions?))(?: (?:any|anything|money|funds|the|a|out|for)\b)*",
         _any(_by_tool("pay"), lambda a: a.event.tool if "reserve" in a.event.tool.lower()
              or "book_" in a.event.tool.lower() else "")),
    _act("read secrets", r"(?:read|open|access|touch|print|display|look at|use|cat|dump|expose)(?:ing)? (?:any |the |my |our |"
         r"stored )*(?:secrets?|credentials?|passwords?|api keys?|private keys?|ssh keys?|access tokens?)(?: files?)?",
         lambda a: next((path for path in a.paths if is_secret(path)), "")),
    _act("sudo", r"(?:use|using|run|running)(?: anything)?(?: with| as)? (?:sudo|root)|sudo",
         _commands(lambda c: "sudo" in c.via or c.program in ("sudo", "doas"))),
    _act("restart", r"(?:restart|reboot)(?:ing)?(?: (?:any|the|our|my|a) (?:servers?|services?|process(?:es)?|"
         r"containers?|machines?|apps?|application|daemons?|cluster|database|hosts?))?|(?:stop|kill|stopping|killing) (?:the |any )?"
         r"(?:server|service|process(?:es)?|containers?|daemon)",
         _commands(lambda c: c.program in ("reboot", "shutdown", "killall", "pkill", "kill")
                   or (c.program in ("systemctl", "service", "docker", "pm2")
                   and any(w in ("restart", "stop", "kill") for w in c.arguments)))),
    _act("create files", r"(?:create|creating|add|adding|write|writing) (?:any )?(?:new |extra |"
         r"additional )+files?", _creates),
)  # fmt: skip
BY_NAME = {act.name: act for act in ACTS}
# RE2 has no look-ahead, and its `\b` knows ASCII only: it finds some more, never less.
_SPOKEN = {act.name: Scanner(re.sub(r"\(\?![^()]*\)", "", act.verbs.pattern)) for act in ACTS}
_ANY_SPOKEN = Scanner("|".join(f"(?:{spoken.pattern})" for spoken in _SPOKEN.values()))
WRITE = Act("change files", re.compile("$^"), _writes)
"""Any change of a file: what "read-only" forbids."""


def may_speak_of(text: str) -> list[Act]:
    """The acts whose words may stand in a lower-case text, in their order; quick."""
    if not _ANY_SPOKEN.found(text):
        return []
    return [act for act in ACTS if _SPOKEN[act.name].found(text)]
