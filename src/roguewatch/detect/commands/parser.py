"""Shell text to syntax tree, in one pass over the characters.

Follows the shell grammar of POSIX.1-2024 (XCU 2.10) with bash's additions that
matter here: `$'…'`, `<<<`, `&>`, process substitution, `[[`, `function`. It is a
reader of hostile text, not a validator: what is malformed is read as far as it
goes and marked by `sound = False`. Nothing is scanned more than a bounded number
of times, so that time is linear; nesting beyond `MAX_DEPTH` raises `TooDeep`.
"""

from __future__ import annotations

import re

from roguewatch.detect.commands.reader import DELIMITERS, SCAN, WordReader
from roguewatch.detect.commands.runs import COMMAND, RUN, words_of
from roguewatch.detect.commands.syntax import (
    Assignment,
    Function,
    Group,
    Node,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Word,
)

_BLANK = re.compile(r"(?:[ \t\r\v\f]|\\\r?\n)*(?:#[^\n]*)?")
_BEGINS_BLANK = frozenset(" \t\r\v\f\\#")
_SEPARATING = _BEGINS_BLANK | frozenset("\n;|&")
_ENDING = frozenset("\n;|&)")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]\n]{0,64}\])?(\+?)=")
_REDIRECT = re.compile(r"(\d*|\{\w+\})(<<<|<<-|<<|<&|<>|<(?!\()|>>|>&|>\||>(?!\()|&>>|&>)")
_FUNCTION = re.compile(
    r"(?:function[ \t]+([^\s(){};|&<>'\"$`]+)[ \t]*(?:\([ \t]*\))?|([^\s(){};|&<>'\"$`]+)[ \t]*\([ \t]*\))\s*"
)
_KEYWORD = re.compile(
    r"(if|then|elif|else|fi|while|until|for|select|do|done|case|esac|function|coproc|time|\{|\}|!)"
    r"(?=[\s;|&()<>]|\Z)"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_IN = re.compile(r"in(?=\s)")
_CASE_END = re.compile(r";;&|;;|;&")
_BEFORE = frozenset(("!", "time", "coproc"))
_CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))


class Parser(WordReader):
    """Reads one text. `sound` is False afterwards where the text is malformed.

    Args:
        text: the script.
        depth: how deep it is nested.
        quick: whether runs of plain words are read at once; the tree is the same either way.
    """

    def __init__(self, text: str, depth: int = 0, quick: bool = True) -> None:
        super().__init__(text, depth, quick)
        self._calls = "(" in text
        self._ascii = text.isascii()
        self._heredocs: list[tuple[Redirect, str, bool, bool]] = []

    def parse(self) -> Script:
        """The whole text, whatever is in it."""
        script: list[Pipeline] = []
        while self.at < len(self.text):
            before = self.at
            script.extend(self.script(frozenset()))
            if self.at < len(self.text):  # a stray closer: step over it
                self.sound = False
                keyword = _KEYWORD.match(self.text, self.at)
                self.at = keyword.end() if keyword else max(self.at + 1, before + 1)
        return tuple(script)

    # Lists and pipelines

    def script(self, closers: frozenset[str]) -> Script:
        """Pipelines up to `)`, `;;`, a closing keyword, or the end."""
        pipelines: list[Pipeline] = []
        text = self.text
        while True:
            self._separators()
            if self.at >= len(text) or text[self.at] == ")" or text.startswith(";;", self.at):
                break
            before = self.at
            first = self._plain() if self.quick else None
            if first is None:
                keyword = _KEYWORD.match(text, before)
                if keyword and keyword.group(1) in _CLOSERS:
                    if keyword.group(1) in closers or not closers:
                        break
                    self.sound = False
                    self.at = keyword.end()
                    continue
            stages = self._pipeline(first)
            background = text.startswith("&", self.at) and not text.startswith("&&", self.at)
            if background:
                self.at += 1
            if stages:
                pipelines.append(Pipeline(tuple(stages), background))
            if self.at == before:
                self.sound = False
                self.at += 1
        return tuple(pipelines)

    def _separators(self) -> None:
        text = self.text
        while True:
            self._skip()
            char = text[self.at : self.at + 1]
            if char not in _SEPARATING:
                return
            if char == "\n":
                self._newline()
            elif char == ";" and not text.startswith(";;", self.at):
                self.at += 1
            elif text.startswith(("&&", "||"), self.at):
                self.at += 2
            elif char == "&" and not text.startswith("&>", self.at):
                self.at += 1
            else:
                return

    def _pipeline(self, node: Node | None) -> list[Node]:
        """Its stages, the first of which may have been read."""
        stages: list[Node] = []
        text = self.text
        while True:
            if node is None:
                self._skip()
                node = self._command()
            if node is not None:
                stages.append(node)
                node = None
            self._skip()
            if text[self.at : self.at + 1] != "|" or text.startswith("||", self.at):
                return stages
            self.at += 2 if text.startswith("|&", self.at) else 1
            self._skip()
            while text.startswith("\n", self.at):
                self._newline()
                self._skip()

    # Commands

    def _command(self) -> Node | None:
        text = self.text
        if self.quick and (plain := self._plain()):
            return plain
        while (keyword := _KEYWORD.match(text, self.at)) and keyword.group(1) in _BEFORE:
            self.at = keyword.end()
            self._skip()
        if text.startswith("((", self.at):
            end = text.find("))", self.at, self.at + SCAN)
            if end > 0 and "\n" not in text[self.at : end]:
                self.at = end + 2
                return Group((), self._redirects())
        if text.startswith("(", self.at):
            self.at += 1
            body = self.nested(frozenset())
            self.expect(")")
            return Group((body,), self._redirects(), subshell=True)
        if keyword and (compound := self._compound(keyword.group(1), keyword.end())):
            return compound
        function = _FUNCTION.match(text, self.at) if self._calls or keyword else None
        if function and not (keyword and keyword.group(1) != "function"):
            self.at = function.end()
            self._enter()
            body_node = self._command()
            self.depth -= 1
            if body_node is not None:
                return Function(function.group(1) or function.group(2), body_node)
            return None
        return self._simple([])

    def _plain(self) -> Simple | None:
        """A command that begins with plain words, which is what most commands do."""
        text = self.text
        run = COMMAND.match(text, self.at)
        if run is None:
            return None
        end = run.end()
        following = text[end : end + 1]
        if following == "(" or text.startswith("&>", end):  # a function; perhaps `2&>`
            return None
        words = words_of(run.group())
        first = words[0]
        if not isinstance(first, str) or "=" in first:
            return None
        self.at = end
        if following and following not in _ENDING:
            return self._simple(words)
        return Simple((), tuple(words), (), self._ascii and tuple not in map(type, words))

    def _compound(self, keyword: str, end: int) -> Node | None:
        if keyword == "{":
            self.at = end
            body = self.nested(frozenset("}"))
            self.expect("}")
            return Group((body,), self._redirects())
        if keyword in ("if", "while", "until"):
            self.at = end
            return self._branches("fi" if keyword == "if" else "done")
        if keyword in ("for", "select"):
            self.at = end
            return self._for()
        if keyword == "case":
            self.at = end
            return self._case()
        return None

    def _branches(self, last: str) -> Group:
        branches: list[Script] = []
        inner = frozenset(("then", "elif", "else", "do", last))
        while True:
            branches.append(self.nested(inner))
            keyword = _KEYWORD.match(self.text, self.at)
            if keyword is None or keyword.group(1) not in inner:
                self.sound = False
                return Group(tuple(branches), ())
            self.at = keyword.end()
            if keyword.group(1) == last:
                return Group(tuple(branches), self._redirects())

    def _for(self) -> Group:
        self._skip()
        name = ""
        values: tuple[Word, ...] = ()
        if self.text.startswith("((", self.at):
            end = self.text.find("))", self.at, self.at + SCAN)
            self.at = end + 2 if end > 0 else self.at + 2
        else:
            match = _IDENTIFIER.match(self.text, self.at)
            name = match.group() if match else ""
            self.at = match.end() if match else self.at
            values = self._in_words()
        group = self._branches("done")
        return Group(group.branches, group.redirects, variable=name, values=values)

    def _in_words(self) -> tuple[Word, ...]:
        self._separators()
        if not _IN.match(self.text, self.at):
            return ()
        self.at += 2
        words: list[Word] = []
        while (word := self._next_word()) is not None:
            words.append(word)
        return tuple(words)

    def _case(self) -> Group:
        text = self.text
        self._next_word()
        self._separators()
        if _IN.match(text, self.at):
            self.at += 2
        branches: list[Script] = []
        while True:
            self._separators()
            keyword = _KEYWORD.match(text, self.at)
            if self.at >= len(text) or (keyword and keyword.group(1) == "esac"):
                break
            close = text.find(")", self.at, self.at + SCAN)
            if close < 0:
                self.sound = False
                break
            self.at = close + 1
            branches.append(self.nested(frozenset(("esac",))))
            end = _CASE_END.match(text, self.at)
            if end:
                self.at = end.end()
            elif text.startswith(")", self.at):
                self.sound = False
                break
        self.expect("esac")
        return Group(tuple(branches), self._redirects())

    def _simple(self, words: list[Word]) -> Simple | None:
        """A command, of which the first words may have been read."""
        text = self.text
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        while True:
            self._skip_gap()
            char = text[self.at : self.at + 1]
            if not char or char in "\n;|)#":
                break
            if char == "&" and not text.startswith("&>", self.at):
                break
            if char in "<>&{" or char.isdigit():
                match = _REDIRECT.match(text, self.at)
                if match:
                    self._redirect(match, redirects)
                    continue
            if char == "(":  # `word (`: no place for it in a command
                self.sound = False
                break
            if words and self.quick and (run := RUN.match(text, self.at)):
                self.at = run.end()
                words += words_of(run.group())
                continue
            if not words and (match := _ASSIGNMENT.match(text, self.at)):
                self.at = match.end()
                assignments.append(Assignment(match.group(1), self._value(), bool(match.group(2))))
                continue
            word = self._word()
            if word is None:
                break
            words.append(word)
        if not (assignments or words or redirects):
            return None
        plain = self._ascii and tuple not in map(type, words)
        return Simple(tuple(assignments), tuple(words), tuple(redirects), plain)

    def _value(self) -> Word:
        if self.text.startswith("(", self.at):  # an array: its first element stands for it
            self.at += 1
            first: Word = ""
            while True:
                self._separators()
                word = self._next_word()
                if word is None:
                    break
                first = first or word
            self.expect(")")
            return first
        if self.at >= len(self.text) or self.text[self.at] in DELIMITERS:
            return ""
        return self._word() or ""

    # Redirects and heredocs

    def _redirects(self) -> tuple[Redirect, ...]:
        redirects: list[Redirect] = []
        while True:
            self._skip()
            match = _REDIRECT.match(self.text, self.at)
            if match is None:
                break
            self._redirect(match, redirects)
        return tuple(redirects)

    def _redirect(self, match: re.Match[str], redirects: list[Redirect]) -> None:
        operator = match.group(2)
        self.at = match.end()
        self._skip_gap()
        if operator in ("<<", "<<-"):
            start = self.at
            self._word()
            raw = self.text[start : self.at]
            delimiter = re.sub(r"['\"\\]", "", raw)
            redirect = Redirect("<<", "")
            redirects.append(redirect)
            self._heredocs.append((redirect, delimiter, delimiter != raw, operator == "<<-"))
            return
        redirects.append(Redirect(match.group(1) + operator, self._word() or ""))

    def _newline(self) -> None:
        """Step over a newline, and read the bodies of heredocs that it starts."""
        self.at += 1
        pending, self._heredocs = self._heredocs, []
        for redirect, delimiter, quoted, tabs in pending:
            indent = r"\t*" if tabs else ""
            end = re.compile(rf"^{indent}{re.escape(delimiter)}[ \t\r]*$", re.M).search(
                self.text, self.at
            )
            body = self.text[self.at : end.start() if end else len(self.text)]
            if end is None:
                self.sound = False
            self.at = min(end.end() + 1, len(self.text)) if end else len(self.text)
            if tabs:
                body = re.sub(r"^\t+", "", body, flags=re.M)
            redirect.target = body if quoted else self._heredoc_body(body)

    def _heredoc_body(self, body: str) -> Word:
        if "$" not in body and "`" not in body and "\\" not in body:
            return body
        inner = Parser(body, self.depth, self.quick)
        inner._enter()
        parts = inner.quoted_parts("")
        return tuple(parts)

    # Small steps

    def nested(self, closers: frozenset[str]) -> Script:
        self._enter()
        script = self.script(closers or frozenset((")",)))
        self.depth -= 1
        return script

    def expect(self, closer: str) -> None:
        self._separators()
        if self.text.startswith(closer, self.at):
            self.at += len(closer)
        else:
            self.sound = False

    def _skip(self) -> None:
        """Step over blanks and a comment."""
        if self.text[self.at : self.at + 1] in _BEGINS_BLANK:
            self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
