"""The hook's process client: asks the daemon, and blocks whenever it gets no answer.

Installed as `python -I -S client.py SOCKET TOKENFILE AGENT EVENT [SECONDS]`. It reads the
hook's JSON from stdin, posts it over the daemon's Unix socket, prints the body, and exits with
the status that the daemon chose. What does so is in `client_call.py`, which Python keeps
compiled: a script it would compile at every start, for a tenth of the whole run.

Everything that goes wrong (no daemon, no token, a slow or cut answer, an answer that is
not what it should be) ends in exit status 2 with a reason on stderr, which Claude Code,
Codex, Gemini CLI and Cursor take for a block.
"""

import posix
import sys

REFUSAL = b"This action is not permitted for this deployment.\n"

if __name__ == "__main__":
    outcome = 2
    try:
        place = __file__.removesuffix(".py") + "_call.py"
        code = type(__loader__)("call", place).get_code("call")  # type: ignore[name-defined]
        known: dict[str, object] = {"__name__": "call"}
        exec(code, known)  # noqa: S102 - our own module, loaded as an import would
        outcome = known["call"](sys.argv[1:])  # type: ignore[operator]
    except BaseException:
        outcome = 2
        posix.write(2, REFUSAL)
    finally:
        # Leaves without taking the interpreter apart, which takes a tenth of the whole run.
        posix._exit(outcome)
