"""Walks a script the way a shell would, running nothing, and notes every command.

All branches are looked at, in the order of the text; a loop's body once for each
word that is known, at most `MAX_LOOPS` times. The walk is bounded by steps and by
depth, so that its time is linear in the text however it was written.
"""

from __future__ import annotations

from msgspec.structs import replace

from roguewatch.detect.commands import builtins, runners
from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.filters import FILTERS, run_filter
from roguewatch.detect.commands.frame import (
    NO_REDIRECTS,
    NOTHING,
    Call,
    Frame,
    Redirected,
    joined,
    program_name,
    quoted,
)
from roguewatch.detect.commands.noted import command_of
from roguewatch.detect.commands.parser import Parser
from roguewatch.detect.commands.programs import candidates
from roguewatch.detect.commands.reader import TooDeep
from roguewatch.detect.commands.redirects import MAX_KNOWN_TEXT, redirected_by
from roguewatch.detect.commands.state import State, Text
from roguewatch.detect.commands.syntax import (
    Assignment,
    Function,
    Group,
    Node,
    Script,
    Simple,
    Word,
)
from roguewatch.detect.commands.words import Expansion
from roguewatch.detect.commands.wrappers import PEELED, peel

MAX_COMMANDS = 1000
MAX_STEPS = 6000
MAX_DEPTH = 12
"""Nested shells, functions, aliases and scripts."""
MAX_LOOPS = 16

_SILENT = frozenset(
    "[ [[ ]] : test local declare typeset readonly set shift return break continue let".split()
)
_FROM_FILES = frozenset(("cat", "base64", "xxd", "rev", "tac"))
"""Filters whose operands are the files that they print."""
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
            frame = replace(frame, certain=False)
        return self.run(script, frame, stdin)

    def run(self, script: Script, frame: Frame, stdin: Text | None = None) -> Text | None:
        """Run a script; gives what it prints, where all of that is known."""
        if len(script) == 1 and len(script[0].stages) == 1:
            pipeline = script[0]
            inner = replace(frame, background=True) if pipeline.background else frame
            return self.node(pipeline.stages[0], inner, stdin)
        outputs: list[Text | None] = []
        for pipeline in script:
            inner = replace(frame, background=True) if pipeline.background else frame
            flowing = stdin
            before: tuple[str, ...] = frame.piped_from
            for index, stage in enumerate(pipeline.stages):
                here = inner if index == 0 else replace(inner, pipeline=index, piped_from=before)
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
        redirected = NO_REDIRECTS
        if group.redirects:
            expansion = Expansion(self, frame.positional)
            redirected = redirected_by(group.redirects, expansion, self.state)
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
            self.commands.append(command_of("", (), frame, self.state, redirected, output=output))
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
        redirected = NO_REDIRECTS
        if node.redirects:
            redirected = redirected_by(node.redirects, expansion, self.state)
        if expansion.decoded or not expansion.certain:
            frame = replace(
                frame,
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
                self.commands.append(
                    command_of("", (), frame, self.state, redirected, shown, output=stdin)
                )
                self._write(redirected, None)
            return Text("")
        output = self.words(words, frame, stdin, redirected, shown)
        for one in redirected.shown:
            if ">" in one and one[0] != "2":
                return None
        return output

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
        redirected: Redirected = NO_REDIRECTS,
        assignments: tuple[str, ...] = (),
    ) -> Text | None:
        """Run one command whose words are known; gives its output where that is known."""
        raw = words[0]
        if self.steps > MAX_STEPS or frame.depth > MAX_DEPTH:
            self.bounded = True
            return None
        self.steps += 1
        if ("*" in raw or "?" in raw or "[" in raw[1:]) and (named := candidates(raw)):
            outputs = [
                self.words([name, *words[1:]], replace(frame, certain=False), stdin, redirected)
                for name in named
            ]
            return outputs[0]
        program = program_name(raw)
        function = self.state.functions.get(raw)
        if function is not None:
            self.state.called.add(raw)
            inner = replace(
                frame.inside("function"),
                positional=tuple(words[1:]),
                pipeline=frame.pipeline,
                piped_from=frame.piped_from,
            )
            if inner.depth > MAX_DEPTH:
                self.bounded = True
                return None
            return self.node(function, inner, stdin)
        if (alias := self.state.aliases.get(raw)) is not None and "alias" not in frame.via:
            text = alias + " " + " ".join(quoted(word) for word in words[1:])
            return self.text(text, frame.inside("alias"), stdin)
        arguments = words[1:]
        peeled = peel(program, arguments) if program in PEELED else None
        if peeled is None:
            call = Call(program, arguments, frame, stdin)
            return self._program(raw, call, redirected, assignments)
        inner = replace(frame, via=(*frame.via, peeled.wrapper), depth=frame.depth + 1)
        if peeled.entry.background:
            inner = replace(inner, background=True)
        if peeled.entry.shown:
            self.commands.append(
                command_of(program, tuple(arguments), frame, self.state, assignments=assignments)
            )
        given = (*assignments, *peeled.assignments)
        return self.words(peeled.words, inner, stdin, redirected, given)

    def _program(
        self, raw: str, call: Call, redirected: Redirected, assignments: tuple[str, ...]
    ) -> Text | None:
        program, frame, stdin = call.program, call.frame, call.stdin
        if stdin is None and redirected.inputs:
            stdin = self.state.files.get(redirected.inputs[0])
        at = len(self.commands)
        runner = runners.RUNNERS.get(program)
        builtin = builtins.BUILTINS.get(program) if runner is None else None
        ran = NOTHING
        if runner is not None or builtin is not None or "/" in raw or raw in self.state.files:
            inner = frame
            if frame.pipeline or frame.piped_from:
                inner = replace(frame, piped_from=(), pipeline=0)
            call = Call(program, call.arguments, inner, stdin)
            if runner is not None:
                ran = runner(self, call)
            elif builtin is not None:
                assignments = (*assignments, *builtin(self, call))
            else:
                ran = runners.script_file(self, raw, call)
        output = ran.output
        if output is None and ran.shown and program in FILTERS:
            output = self._output(program, call.arguments, stdin)
        self._write(redirected, output)
        arguments = tuple(call.arguments)
        if program == "tee":
            files = [(self.state.resolve(a), "-a" in arguments) for a in arguments if a[:1] != "-"]
            self._write(Redirected(targets=tuple(files)), stdin)
        if program not in _SILENT and ran.shown:
            command = command_of(
                program, arguments, frame, self.state, redirected, assignments, raw, output
            )
            self.commands.insert(at, command)
        elif redirected.shown:
            command = command_of("", (), frame, self.state, redirected, output=output)
            self.commands.insert(at, command)
        return output

    def _output(self, program: str, arguments: list[str], stdin: Text | None) -> Text | None:
        known = run_filter(program, arguments, stdin)
        if known is None and stdin is None and program in _FROM_FILES:
            files = [a for a in arguments if not a.startswith("-")]
            texts = [self.state.files.get(self.state.resolve(name)) for name in files]
            if files and all(text is not None for text in texts):
                options = [a for a in arguments if a.startswith("-")]
                known = run_filter(program, options, joined(texts))
        return known

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
        output = self.run(script, replace(frame.inside(label), positional=frame.positional))
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

    def uncalled(self, names: list[str], frame: Frame) -> None:
        """Look into functions that this text defines and does not call."""
        for name in names:
            if name not in self.state.called:
                self.node(self.state.functions[name], frame.inside("function", certain=False), None)
