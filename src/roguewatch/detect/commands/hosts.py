"""Which arguments of a network program name the machine that it reaches."""

from __future__ import annotations

import itertools
import re

_HOST = re.compile(r"(?:[\w.%+-]+@)?(?:[\w-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:[/?#:].*)?$")
_REMOTE = re.compile(r"[\w.%+-]+@[\w.-]+(?::\S*)?$|[\w-]+(?:\.[\w-]+)+:\S*$")
_COPIED = re.compile(
    r"(?:[\w.%+-]+@[\w.-]+|(?:[\w-]+\.)+[A-Za-z]{2,}|\d{1,3}(?:\.\d{1,3}){3}):\S*$"
)
"""A remote as scp, rsync and git write it: `user@host:path`, `host.tld:path` (git-clone(1))."""
_IP_LIKE = re.compile(
    r"(?:0x[0-9a-fA-F]+|\d+|\[[0-9a-fA-F:.]+\])(?:\.(?:0x[0-9a-fA-F]+|\d+)){0,3}(?::\d+)?(?:/.*)?$"
)
_PEER = re.compile(r"[\w.:-]{1,255}")
NETWORK = frozenset(
    [
        "curl", "wget", "http", "https", "xh", "aria2c", "httpie", "ssh", "scp", "sftp",
        "rsync", "nc", "ncat", "netcat", "telnet", "ftp", "lftp", "ping", "ping6", "dig",
        "nslookup", "host", "drill", "whois", "nmap", "masscan", "zmap", "rustscan",
        "traceroute", "socat", "openssl", "git", "ngrok", "cloudflared", "autossh", "mosh",
        "sshfs", "ssh-copy-id", "websocat", "wscat", "grpcurl", "Invoke-WebRequest",
        "Invoke-RestMethod", "Start-BitsTransfer", "Test-NetConnection",
    ]
)  # fmt: skip
_FIRST = frozenset(("ssh", "autossh", "mosh"))
"""Programs whose first operand is the host; what follows runs there."""
_COPIES = frozenset(("scp", "rsync"))
_ITEMS = frozenset(("http", "https", "xh", "httpie"))
_FETCHING = frozenset(
    "clone fetch pull push remote ls-remote submodule archive config fetch-pack send-pack".split()
)
"""What git is told with a remote."""


def _options(letters: str, names: str) -> frozenset[str]:
    return frozenset([*(f"-{one}" for one in letters), *(f"--{one}" for one in names.split())])


_CURL = _options(
    "AbcCdDeEFhHKmoPQrtTuUwXyYz",
    "abstract-unix-socket alt-svc cacert capath cert cert-type ciphers config connect-timeout "
    "continue-at cookie cookie-jar crlfile curves data data-ascii data-binary data-raw "
    "data-urlencode delegation dump-header engine expect100-timeout form form-string "
    "ftp-account ftp-method ftp-port happy-eyeballs-timeout-ms header hostpubmd5 hsts interface "
    "json keepalive-time key key-type krb limit-rate local-port login-options mail-auth "
    "mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer "
    "output output-dir parallel-max pass pinnedpubkey proto proto-default proto-redir "
    "proxy-header proxy-user pubkey quote range rate referer request request-target retry "
    "retry-delay retry-max-time service-name speed-limit speed-time stderr telnet-option "
    "time-cond tls-max tlsuser tlspassword trace trace-ascii unix-socket upload-file url-query "
    "user user-agent variable write-out",
)
_WGET = _options(
    "aADeIlnoOPQRtTUwX",
    "accept accept-regex append-output base body-data body-file ca-certificate ca-directory "
    "certificate connect-timeout cut-dirs default-page directory-prefix dns-timeout "
    "exclude-directories exclude-domains execute header http-password http-user "
    "include-directories input-file level limit-rate load-cookies max-redirect method "
    "output-document output-file password post-data post-file private-key quota read-timeout "
    "referer reject restrict-file-names retry-on-http-error save-cookies secure-protocol "
    "timeout tries user user-agent wait waitretry",
) - {"-n"}
_SSH = _options("bBcDeEFiIJlLmOopPQRSwW", "")
_NC = _options("eGgIiMmOopPqsVwXZ", "exec sh-exec source-port source wait idle-timeout")
_PING = _options("ciIlmMpsSwW", "count interval ttl timeout size")
"""Only those that mean the same to every `ping`: a flag must not hide the host after it."""
_TAKES: dict[str, frozenset[str]] = {
    "curl": _CURL,
    "wget": _WGET,
    "aria2c": _options(
        "dijklmoOsStUx", "dir out log header user-agent timeout split input-file max-tries"
    ),
    "ssh": _SSH,
    "autossh": _SSH | {"-M"},
    "scp": _options("cDFiloPSX", ""),
    "sftp": _options("bBcDFiloPRsSX", ""),
    "ssh-copy-id": _options("iopF", ""),
    "sshfs": _options("oFp", ""),
    "mosh": _options("p", "port ssh predict server"),
    "rsync": _options(
        "efBMT",
        "rsh filter exclude include exclude-from include-from files-from block-size bwlimit "
        "timeout contimeout port password-file log-file max-size min-size temp-dir backup-dir "
        "suffix partial-dir chmod chown compare-dest link-dest copy-dest rsync-path",
    ),
    **dict.fromkeys(("nc", "ncat", "netcat"), _NC),
    "telnet": _options("belnX", ""),
    **dict.fromkeys(("ping", "ping6"), _PING),
    "traceroute": _options("fgimMNpqstwz", ""),
    **dict.fromkeys(("dig", "drill"), _options("bckfpqty", "") - {"-q"}),
    "host": _options("cmNRtW", ""),
    "whois": _options("pTitsgr", "port") - {"-t", "-s", "-g", "-r"},
    **dict.fromkeys(
        ("nmap", "masscan"),
        _options(
            "pegDST",
            "script script-args ports top-ports exclude excludefile rate max-rate min-rate "
            "max-retries host-timeout source-port data-length ttl",
        )
        - {"-S", "-T"}
        | frozenset(("-oN", "-oX", "-oG", "-oA", "-oJ", "-oL", "-iL", "-iR")),
    ),
    **dict.fromkeys(
        _ITEMS,
        _options("aAops", "auth auth-type output print style session timeout cert cert-key verify"),
    ),
    **dict.fromkeys(
        ("websocat", "wscat"), _options("HsxP", "header subprotocol protocol execute origin")
    ),
    **dict.fromkeys(
        ("Invoke-WebRequest", "Invoke-RestMethod", "Start-BitsTransfer"),
        frozenset(
            (
                "-OutFile",
                "-TimeoutSec",
                "-Method",
                "-ContentType",
                "-UserAgent",
                "-Body",
                "-InFile",
                "-Destination",
            )
        ),
    ),
    "grpcurl": _options("Hd", "")
    | frozenset(("-proto", "-import-path", "-max-time", "-connect-timeout", "-cert", "-key")),
}
"""Options whose value stands in the next word and is no host: from each program's manual."""
_NAMING = {
    "openssl": frozenset(("-connect", "-host", "-proxy", "-url")),
}
"""Programs where only the value of an option names a host."""


def _positional(program: str, arguments: tuple[str, ...]) -> list[str]:
    """Words that are neither options nor their values, and the values of `--url=` likes."""
    takes = _TAKES.get(program, frozenset())
    rest: list[str] = []
    skip = False
    for index, word in enumerate(arguments):
        if skip:
            skip = False
        elif word == "--":
            return rest + list(arguments[index + 1 :])
        elif word[:1] != "-" or word == "-":
            rest.append(word)
        elif word.startswith(("--url=", "--proxy=")):
            rest.append(word.partition("=")[2])
        else:
            skip = word in takes or _takes_next(word, takes)
    return rest


def _takes_next(word: str, takes: frozenset[str]) -> bool:
    """Whether the last of joined short options takes the next word: `-fsSLo out`."""
    if word[:2] == "--" or not word[1:].isalpha() or len(word) > 16:
        return False
    for at, letter in enumerate(word[1:], start=1):
        if f"-{letter}" in takes:
            return at == len(word) - 1
    return False


def _is_count(word: str) -> bool:
    """A port or a count; as an address it would be in 0.0.0.0/8 (RFC 791)."""
    return word.isdecimal() and (len(word) < 8 or (len(word) < 12 and int(word) < 2**24))


def hosts_of(program: str, arguments: tuple[str, ...]) -> list[str]:
    """Hosts and remotes among a program's arguments, as written, without those in URLs.

    Args:
        program: its name.
        arguments: its arguments, unquoted.
    """
    if program not in NETWORK:
        return []
    if program in _NAMING:
        naming = _NAMING[program]
        words = [word for option, word in itertools.pairwise(arguments) if option in naming]
    else:
        words = _positional(program, arguments)
    if program in ("nc", "ncat", "netcat", "telnet"):
        ports = [
            f"{host}:{port}"
            for host, port in itertools.pairwise(words)
            if port.isdecimal() and _PEER.fullmatch(host) and not _is_count(host)
        ]
        return _shaped(words) + ports[:1]
    if program == "git":
        return [one for one in words if _COPIED.match(one)] if _FETCHING & set(words) else []
    if program in _COPIES:
        return [one for one in words if _plain(one) and _COPIED.match(one)]
    if program in _FIRST:
        jumps = [b for a, b in itertools.pairwise(arguments) if a in ("-J", "-W")]
        return _shaped(words[:1] + jumps)
    if program in _ITEMS:
        return _shaped(words)[:1]
    if program == "socat":
        words = [one.partition("=")[2] for one in arguments]
    return _shaped(words)


def _plain(word: str) -> bool:
    return bool(word) and word[0] not in "-/~." and len(word) < 2048 and "://" not in word


def _shaped(words: list[str]) -> list[str]:
    """Those that look like a host, an address or a remote."""
    return [
        one
        for one in words
        if _plain(one)
        and not _is_count(one)
        and (_HOST.match(one) or _REMOTE.match(one) or _IP_LIKE.match(one))
    ]
