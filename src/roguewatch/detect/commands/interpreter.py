"""Walks a script the way a shell would, running nothing, and notes every command.

All branches are looked at, in the order of the text; a loop's body once for each
word that is known, at most `MAX_LOOPS` times. The walk is bounded by steps and by
depth, so that its time is linear in the text however it was written.
"""

from __future__ import annotations

from roguewatch.detect.commands import builtins, runners
from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.filters import run_filter
from roguewatch.detect.commands.frame import (
    NO_REDIRECTS,
    Frame,
    Redirected,
    clean,
    joined,
    program_name,
    quoted,
)
from roguewatch.detect.commands.parser import Parser
from roguewatch.detect.commands.programs import candidates, paths_of, urls_of, written_by
from roguewatch.detect.commands.reader import TooDeep
from roguewatch.detect.commands.state import State, Text
from roguewatch.detect.commands.syntax import (
    Assignment,
    Function,
    Group,
    Node,
    Process,
    Script,
    Simple,
    Word,
)
from roguewatch.detect.commands.words import Expansion
from roguewatch.detect.commands.wrappers import peel

MAX_COMMANDS = 1000
MAX_STEPS = 6000
MAX_DEPTH = 12
"""Nested shells, functions, aliases and scripts."""
MAX_LOOPS = 16
MAX_KNOWN_TEXT = 16_384
"""Characters of `Command.wrote`."""

_SILENT = frozenset(
    (
        "[",
        "[[",
        "]]",
        ":",
        "test",
        "local",
        "declare",
        "typeset",
        "readonly",
        "set",
        "shift",
        "return",
        "break",
        "continue",
        "let",
    )
)
_DEVICES = ("/dev/null", "/dev/tcp/", "/dev/udp/", "/dev/std", "/dev/fd/", "/dev/tty")
_STDIN = ("<<", "<<<", "0<<", "0<<<")
_RUN_BY_VARIABLE = frozenset(
    [
        "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_SSH", "GIT_PAGER", "PAGER", "EDITOR",
        "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_ASKPASS", "SSH_ASKPASS",
        "GIT_PROXY_COMMAND", "PROMPT_COMMAND", "LESSOPEN", "MANPAGER", "BROWSER", "RSYNC_RSH",
        "SUDO_ASKPASS", "PERL5DB",
    ]
)  # fmt: skip


class Interpreter:
    """One walk. `commands` is what it found; `bounded` whether it had to stop."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.commands: list[Command] = []
        self.bounded = False
        self.steps = 0
        self._frame = Frame()
        self._descriptors = 63

    # Scripts

    def text(self, text: str, frame: Frame, stdin: Text | None = None) -> Text | None:
        """Run a shell text found inside another."""
        if frame.depth > MAX_DEPTH:
            self.bounded = True
            return None
        parser = Parser(text)
        try:
            script = parser.parse()
        except TooDeep:
            self.bounded = True
            return None
        if not parser.sound:
            frame = frame._replace(certain=False)
        return self.run(script, frame, stdin)

    def run(self, script: Script, frame: Frame, stdin: Text | None = None) -> Text | None:
        """Run a script; gives what it prints, where all of that is known."""
        if len(script) == 1 and len(script[0].stages) == 1:
            pipeline = script[0]
            inner = frame._replace(background=True) if pipeline.background else frame
            return self.node(pipeline.stages[0], inner, stdin)
        outputs: list[Text | None] = []
        for pipeline in script:
            inner = frame._replace(background=True) if pipeline.background else frame
            flowing = stdin
            before: tuple[str, ...] = frame.piped_from
            for index, stage in enumerate(pipeline.stages):
                here = inner if index == 0 else inner._replace(pipeline=index, piped_from=before)
                first = len(self.commands)
                flowing = self.node(stage, here, flowing)
                if index < len(pipeline.stages) - 1:
                    names = [c.program for c in self.commands[first:] if c.via == frame.via]
                    before = (*before[-12:], *(names[:4] or [""]))
            outputs.append(flowing)
        return joined(outputs)

    def node(self, node: Node, frame: Frame, stdin: Text | None) -> Text | None:
        """Run one stage of a pipeline."""
        self.steps += 1
        if self.steps > MAX_STEPS or len(self.commands) > MAX_COMMANDS:
            self.bounded = True
            return None
        self._frame = frame
        if isinstance(node, Simple):
            return self._simple(node, frame, stdin)
        if isinstance(node, Function):
            self.state.functions[node.name] = node.body
            return Text("")
        return self._group(node, frame, stdin)

    def _group(self, group: Group, frame: Frame, stdin: Text | None) -> Text | None:
        state = self.state
        if group.subshell:
            self.state = state.copy()
        redirected = self._redirects(group, Expansion(self, frame.positional), frame)
        stdin = redirected.stdin or stdin
        outputs: list[Text | None] = []
        if group.variable and group.values:
            expansion = Expansion(self, frame.positional)
            values = [field for word in group.values for field in expansion.fields(word)]
            if len(values) > MAX_LOOPS:
                self.bounded = True
            for value in values[:MAX_LOOPS]:
                known = Text(value, tuple(expansion.decoded), expansion.certain)
                self.state.variables[group.variable] = known
                outputs += [self.run(branch, frame, stdin) for branch in group.branches]
        else:
            outputs += [self.run(branch, frame, stdin) for branch in group.branches]
        output = joined(outputs)
        self._write(redirected, output)
        if redirected.shown:
            self._emit("", (), frame, redirected, (), (), "", output)
        if group.subshell:
            state.files = self.state.files
            self.state = state
        return output

    # Simple commands

    def _simple(self, node: Simple, frame: Frame, stdin: Text | None) -> Text | None:
        if node.plain and not (node.assignments or node.redirects):
            return self.words(list(node.words), frame, stdin)  # type: ignore[arg-type]
        expansion = Expansion(self, frame.positional or self.state.positional)
        assigned = [(a, self._value(a.value, expansion)) for a in node.assignments]
        shown = tuple(f"{a.name}={known.value}" for a, known in assigned)
        words: list[str] = []
        if node.plain:
            words += node.words  # type: ignore[arg-type]
        else:
            for word in node.words:
                words += expansion.fields(word)
        self._frame = frame
        redirected = self._redirects(node, expansion, frame) if node.redirects else NO_REDIRECTS
        if expansion.decoded or not expansion.certain:
            frame = frame._replace(
                decoded=(*frame.decoded, *expansion.decoded),
                certain=frame.certain and expansion.certain,
            )
        for assignment, known in assigned:
            if assignment.name in _RUN_BY_VARIABLE and " " in known.value:
                self.text(known.value, frame.inside(assignment.name, known))
        stdin = redirected.stdin or stdin
        if not words:
            self._assign(assigned)
            if shown or redirected.shown:
                self._emit("", (), frame, redirected, shown, (), "", stdin)
                self._write(redirected, None)
            return Text("")
        output = self.words(words, frame, stdin, redirected, shown)
        return None if any(">" in r and not r.startswith("2") for r in redirected.shown) else output

    def _value(self, word: Word, expansion: Expansion) -> Text:
        before, sure = len(expansion.decoded), expansion.certain
        expansion.certain = True
        value = expansion.word(word)
        known = Text(value, tuple(expansion.decoded[before:]), expansion.certain)
        expansion.certain = sure and expansion.certain
        return known

    def _assign(self, assigned: list[tuple[Assignment, Text]]) -> None:
        for assignment, known in assigned:
            name = assignment.name
            if assignment.append and (old := self.state.variables.get(name)):
                value = (old.value + known.value)[:MAX_KNOWN_TEXT]
                known = Text(value, (*old.decoded, *known.decoded), old.certain and known.certain)
            self.state.variables[name] = known

    def words(
        self,
        words: list[str],
        frame: Frame,
        stdin: Text | None = None,
        redirected: Redirected | None = None,
        assignments: tuple[str, ...] = (),
    ) -> Text | None:
        """Run one command whose words are known; gives its output where that is known."""
        redirected = redirected or NO_REDIRECTS
        raw = words[0]
        if self.steps > MAX_STEPS or frame.depth > MAX_DEPTH:
            self.bounded = True
            return None
        self.steps += 1
        if ("*" in raw or "?" in raw or "[" in raw[1:]) and (named := candidates(raw)):
            outputs = [
                self.words([name, *words[1:]], frame._replace(certain=False), stdin, redirected)
                for name in named
            ]
            return outputs[0]
        program = program_name(raw)
        function = self.state.functions.get(raw)
        if function is not None:
            self.state.called.add(raw)
            inner = frame.inside("function")._replace(
                positional=tuple(words[1:]), pipeline=frame.pipeline, piped_from=frame.piped_from
            )
            if inner.depth > MAX_DEPTH:
                self.bounded = True
                return None
            return self.node(function, inner, stdin)
        if (alias := self.state.aliases.get(raw)) is not None and "alias" not in frame.via:
            text = alias + " " + " ".join(quoted(word) for word in words[1:])
            return self.text(text, frame.inside("alias"), stdin)
        peeled = peel(program, words[1:])
        if peeled is not None:
            inner = frame._replace(via=(*frame.via, peeled.wrapper), depth=frame.depth + 1)
            if peeled.entry.background:
                inner = inner._replace(background=True)
            if peeled.entry.shown:
                self._emit(program, tuple(words[1:]), frame, NO_REDIRECTS, assignments)
            return self.words(
                peeled.words, inner, stdin, redirected, (*assignments, *peeled.assignments)
            )
        return self._program(raw, program, words[1:], frame, stdin, redirected, assignments)

    def _program(
        self,
        raw: str,
        program: str,
        arguments: list[str],
        frame: Frame,
        stdin: Text | None,
        redirected: Redirected,
        assignments: tuple[str, ...],
    ) -> Text | None:
        if stdin is None and redirected.inputs:
            stdin = self.state.files.get(redirected.inputs[0])
        at = len(self.commands)
        runner = runners.RUNNERS.get(program)
        builtin = builtins.BUILTINS.get(program) if runner is None else None
        ran = runners.NOTHING
        if runner is not None or builtin is not None or "/" in raw or raw in self.state.files:
            inner = frame
            if frame.pipeline or frame.piped_from:
                inner = frame._replace(piped_from=(), pipeline=0)
            call = runners.Call(program, arguments, inner, stdin)
            if runner is not None:
                ran = runner(self, call)
            elif builtin is not None:
                assignments = (*assignments, *builtin(self, call))
            else:
                ran = runners.script_file(self, raw, call)
        output = ran.output
        if output is None and not ran.shown:
            pass
        elif output is None:
            output = self._output(program, arguments, stdin)
        if redirected.targets:
            self._write(redirected, output)
        if program == "tee":
            files = [(self.state.resolve(a), "-a" in arguments) for a in arguments if a[:1] != "-"]
            self._write(Redirected(targets=tuple(files)), stdin)
        if program not in _SILENT and ran.shown:
            self._emit(
                program, tuple(arguments), frame, redirected, assignments, (), raw, output, at
            )
        elif redirected.shown:
            self._emit("", (), frame, redirected, (), (), "", output, at)
        return output

    def _output(self, program: str, arguments: list[str], stdin: Text | None) -> Text | None:
        known = run_filter(program, arguments, stdin)
        if known is None and stdin is None and program in ("cat", "base64", "xxd", "rev", "tac"):
            files = [a for a in arguments if not a.startswith("-")]
            texts = [self.state.files.get(self.state.resolve(name)) for name in files]
            if files and all(text is not None for text in texts):
                options = [a for a in arguments if a.startswith("-")]
                known = run_filter(program, options, joined(texts))
        return known

    # Redirects and files

    def _redirects(self, node: Simple | Group, expansion: Expansion, frame: Frame) -> Redirected:
        shown: list[str] = []
        stdin: Text | None = None
        targets: list[tuple[str, bool]] = []
        inputs: list[str] = []
        for redirect in node.redirects:
            before = len(expansion.decoded)
            value = expansion.word(redirect.target)
            operator = redirect.operator
            if operator in _STDIN:
                end = "\n" if operator.endswith("<<<") else ""
                stdin = Text(value + end, tuple(expansion.decoded[before:]), expansion.certain)
                shown.append(operator + value[:MAX_KNOWN_TEXT])
                continue
            if operator.endswith(">&") and (value.isdigit() or value == "-"):
                shown.append(operator + value)
                continue
            path = self.state.resolve(value)
            shown.append(operator + path)
            if ">" in operator:
                if not path.startswith(_DEVICES):
                    targets.append((path, ">>" in operator))
            elif isinstance(redirect.target, tuple) and isinstance(redirect.target[0], Process):
                stdin = self.state.files.get(value, stdin)
            else:
                inputs.append(path)
        return Redirected(tuple(shown), stdin, tuple(targets), tuple(inputs))

    def _write(self, redirected: Redirected, output: Text | None) -> None:
        for path, append in redirected.targets:
            self.state.write(path, output, append)

    # Substitutions

    def substitute(self, script: Script, label: str) -> Text | None:
        """What `$(…)` prints; its commands are noted."""
        frame = self._frame
        if frame.depth > MAX_DEPTH:
            self.bounded = True
            return None
        state, self.state = self.state, self.state.copy()
        output = self.run(script, frame.inside(label)._replace(positional=frame.positional))
        self.state, self._frame = state, frame
        return output

    def consult(self, script: Script, raw: str) -> str:
        """The name of the file that `<(…)` or `>(…)` becomes."""
        output = self.substitute(script, raw[:1] + "( )")
        if output is None:
            return raw
        self._descriptors += 1
        name = f"/dev/fd/{self._descriptors}"
        self.state.files[name] = output
        return name

    # Findings of the walk

    def note(self, command: Command) -> None:
        """Note a command that was understood elsewhere (Python, JavaScript, PowerShell)."""
        if len(self.commands) <= MAX_COMMANDS:
            self.commands.append(command)

    def _emit(
        self,
        program: str,
        arguments: tuple[str, ...],
        frame: Frame,
        redirected: Redirected,
        assignments: tuple[str, ...],
        decoded: tuple[str, ...] = (),
        raw: str = "",
        output: Text | None = None,
        at: int | None = None,
    ) -> None:
        paths = paths_of(program, arguments, self.state)
        written = [target for target, _ in redirected.targets]
        if redirected.targets or redirected.inputs:
            paths += [p for p in (*written, *redirected.inputs) if p not in paths]
        if "/" in raw and not raw.startswith(("/bin/", "/usr/", "/sbin/", "/opt/homebrew/")):
            paths.append(self.state.resolve(raw))
        written += written_by(program, arguments, self.state)
        if program == "tee" or (redirected.targets and output is not None):
            wrote = output.value[:MAX_KNOWN_TEXT] if output else ""
        else:
            wrote = ""
        words = (program, *arguments) if program else arguments or assignments
        command = Command(
            program=program,
            arguments=arguments,
            text=" ".join(words),
            paths=tuple(paths),
            urls=tuple(urls_of(program, arguments, redirected.shown)),
            redirects=redirected.shown,
            written=tuple(written),
            assignments=assignments,
            decoded=tuple(map(clean, dict.fromkeys((*frame.decoded, *decoded))))
            if frame.decoded or decoded
            else (),
            background=frame.background or runners.goes_on(program, arguments),
            via=frame.via,
            pipeline=frame.pipeline,
            piped_from=frame.piped_from,
            certain=frame.certain,
            wrote=clean(wrote),
        )
        self.commands.insert(len(self.commands) if at is None else at, command)

    def uncalled(self, names: list[str], frame: Frame) -> None:
        """Look into functions that this text defines and does not call."""
        for name in names:
            if name not in self.state.called:
                self.node(self.state.functions[name], frame.inside("function", certain=False), None)
