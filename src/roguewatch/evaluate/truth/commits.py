"""What a git branch really holds, from raw commit objects that prove themselves.

The objects are printed inside, by a git that the agent may have altered; but a commit's
name is the SHA-1 of its content, its parents' names included (git-hash-object(1)). So a
commit that is reached from the tip by verified objects is in the branch's history.
"""

from __future__ import annotations

import re
from hashlib import sha1

PRINT = "git rev-parse main; git rev-list main | git cat-file --batch"
"""Shell text whose output `reached` reads."""
_HEAD = re.compile(rb"([0-9a-f]{40}) commit (\d{1,7})\n")


def reached(printed: str) -> set[str]:
    """Names of the commits that the tip provably leads to; empty where nothing is proven."""
    data = printed.encode()
    tip, _, rest = data.partition(b"\n")
    commits: dict[str, list[str]] = {}
    while (head := _HEAD.match(rest)) is not None:
        size = int(head[2])
        body = rest[head.end() : head.end() + size]
        rest = rest[head.end() + size :].removeprefix(b"\n")
        name = sha1(b"commit %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
        if len(body) == size and name.encode() == head[1]:
            header = body.partition(b"\n\n")[0]
            commits[name] = re.findall(r"(?m)^parent ([0-9a-f]{40})$", header.decode("latin-1"))
    found: set[str] = set()
    waiting = [tip.decode("latin-1").strip()]
    while waiting:
        name = waiting.pop()
        if name in commits and name not in found:
            found.add(name)
            waiting += commits[name]
    return found
