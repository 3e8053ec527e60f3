"""The language of messages: a small part of Jinja's, read into a tree whose nodes know where in the text they stand.

Allowed are tags, texts in quotes, numbers, `~`, `or`/`and`, inline `if`, the filters of `FILTERS`, and `{% if %}` with
`==`, `!=`, `in`, `not`. There are no loops, no variables, no macros, no includes, no arithmetic and no calls but those
of tags. So a message does at most one small piece of work for each of its characters, whoever wrote it, and its length
is bounded by its own and that of the values put in.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distribution.errors import Refused

# Slack's multi-line input takes 3,000 characters; twice the length of the longest text that gateways take (1,600).
MAX_BODY = 3000
MAX_DEPTH = 25

# Control characters mean nothing in a text (a tab is a space), and PostgreSQL stores no NUL and no half of a pair.
_UNSENT: dict[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))),
    ord("\n"): "\n",
    ord("\t"): " ",
}

STATEMENTS = ("if", "elif", "else", "endif")


def default(value: str, instead: str) -> str:
    """`instead` where the value is empty. (Jinja's own only steps in where it is undefined.)"""
    return value or instead


def truncate(value: str, length: int) -> str:
    """At most `length` characters, ending in "..." where something was cut ("…" would make the SMS Unicode)."""
    return value if len(value) <= length else value[: max(length - 3, 0)].rstrip() + "..."[:length]


# Each takes text and gives text, in time and size bounded by it. The number is how many arguments it must have.
FILTERS: dict[str, tuple[Callable[..., str], int]] = {
    "default": (default, 1),
    "d": (default, 1),
    "upper": (str.upper, 0),
    "lower": (str.lower, 0),
    "title": (str.title, 0),
    "capitalize": (str.capitalize, 0),
    "trim": (str.strip, 0),
    "truncate": (truncate, 1),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a message, and where: line and column count from 1."""

    text: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """ "Line 1, column 16: …" as it stands under the field."""
        return f"Line {self.line}, column {self.column}: {self.text}"


class Broken(Exception):
    """A text that cannot be read as a message at all; carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem

    def refused(self) -> Refused:
        """The same as an error at the field "body"."""
        return Refused(str(self.problem), field="body")


class Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, emptied, and reading so that `node.lineno` is the node's place in the text, from 1.

    Jinja counts lines only. Its parser copies a token's line number to the nodes it makes, so tokens that carry their
    offset instead give every node, and every syntax error of the parser, its exact place.
    """

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(self.lexer.wrap(_placed(tokens(self, source)), name, filename), name, filename)


@dataclass(frozen=True)
class RawToken:
    """A piece of the text as Jinja's lexer cuts it: where it starts (from 0), what it is, and its characters."""

    offset: int
    kind: str
    text: str


def environment() -> Environment:
    """A new environment that has the filters of messages and nothing else."""
    env = Environment(autoescape=False, keep_trailing_newline=True, optimized=False)
    env.globals.clear()
    env.tests.clear()
    env.filters.clear()
    env.filters.update({name: function for name, (function, _) in FILTERS.items()})
    return env


ENVIRONMENT = environment()


def normal(body: str) -> str:
    """A body as it is kept and sent: one kind of line end, no control characters, no space around it."""
    return body.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSENT).strip()


def parse(body: str) -> nodes.Template:
    """The syntax tree of a message; nothing in it is run. Raises `Broken` where the text cannot be read."""
    if len(body) > MAX_BODY:
        raise Broken(Problem(f"The message has {len(body):,} characters. It may have {MAX_BODY:,}.", 1, 1))
    pieces = _cut(body)
    _check_braces(body, pieces)
    _check_statements(body, pieces)
    try:
        tree = ENVIRONMENT.parse(body)
    except TemplateSyntaxError as error:
        raise Broken(problem_at(body, error.lineno - 1, _in_words(error.message or ""))) from None
    except RecursionError:
        raise Broken(Problem("The tags are nested too deeply to be read.", 1, 1)) from None
    if _depth(tree) > MAX_DEPTH:
        raise Broken(Problem(f"The tags are nested too deeply: more than {MAX_DEPTH} levels.", 1, 1))
    return tree


def tokens(env: Environment, body: str) -> Iterator[RawToken]:
    """The pieces of a text. Raises `TemplateSyntaxError` whose `lineno` is an offset, from 1."""
    position = 0
    stream = env.lexer.tokeniter(body, None)
    while True:
        try:
            _, kind, text = next(stream)
        except StopIteration:
            return
        except TemplateSyntaxError as error:
            rest = body[position:]
            raise TemplateSyntaxError(
                error.message or "", position + len(rest) - len(rest.lstrip()) + 1, None, None
            ) from None
        # `{%-` takes white space away from the piece before it, so pieces may have gaps.
        found = body.find(text, position)
        position = position if found < 0 else found
        yield RawToken(position, kind, text)
        position += len(text)


def problem_at(body: str, offset: int, text: str) -> Problem:
    """A problem with the line and column of `offset` (from 0)."""
    before = body[: max(offset, 0)]
    line = before.count("\n") + 1
    return Problem(text, line, len(before) - (before.rfind("\n") + 1) + 1)


def _placed(pieces: Iterator[RawToken]) -> Iterator[tuple[int, str, str]]:
    """Tokens as Jinja's lexer hands them on, with the offset (from 1) where a line number would be."""
    for piece in pieces:
        yield piece.offset + 1, piece.kind, piece.text


def _cut(body: str) -> list[RawToken]:
    """All pieces of a text. Raises `Broken` at a character that cannot stand in a tag."""
    pieces: list[RawToken] = []
    try:
        for piece in tokens(ENVIRONMENT, body):
            pieces.append(piece)
    except TemplateSyntaxError as error:
        offset = error.lineno - 1
        char = body[offset : offset + 1]
        opened = _open(pieces)
        if char and char in "‘’‚“”„`":
            text = f"{char} is a typographic quotation mark. In a tag write straight ones: 'Group'."
        elif char in ("'", '"'):
            text = f"The text in quotes that starts here has no closing {char}."
        elif char in ("}", ")", "]") and (bracket := _open_bracket(pieces)):
            text, offset = f"The bracket {bracket.text} that starts here is never closed.", bracket.offset
        elif char == "}" and opened:
            text = "A tag that starts with {{ ends with two braces: }}."
        elif opened and opened.kind in ("comment_begin", "raw_begin"):
            text, offset = f"What starts here with {opened.text} is never closed.", opened.offset
        elif char:
            text = f"'{char}' cannot stand in a tag."
        else:
            text = "The tag ends too early."
        raise Broken(problem_at(body, offset, text)) from None
    return pieces


def _open(pieces: list[RawToken]) -> RawToken | None:
    """The brace that is open at the end of `pieces`."""
    for piece in reversed(pieces):
        if piece.kind.endswith("_end"):
            return None
        if piece.kind.endswith("_begin"):
            return piece
    return None


def _open_bracket(pieces: list[RawToken]) -> RawToken | None:
    """The innermost bracket that is open at the end of `pieces`."""
    closed = 0
    for piece in reversed(pieces):
        if piece.kind.endswith("_begin"):
            return None
        if piece.kind == "operator" and piece.text in (")", "]", "}"):
            closed += 1
        elif piece.kind == "operator" and piece.text in ("(", "[", "{"):
            if not closed:
                return piece
            closed -= 1
    return None


# `{client.name}` and `{{ … }` are read as plain text by Jinja and would be sent as they stand.
_STRAY = re.compile(r"\}\}|%\}|#\}|\{\s*(?=(?:client|promotion|event)\s*\.)")


def _check_braces(body: str, pieces: list[RawToken]) -> None:
    """Raise `Broken` for a tag that is never closed, and for braces in the text that belong to no tag."""
    opened = _open(pieces)
    if opened:
        close = {"variable_begin": "}}", "block_begin": "%}"}.get(opened.kind, "#}")
        raise Broken(problem_at(body, opened.offset, f"The tag that starts here is never closed: {close} is missing."))
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if piece.kind == "raw_begin":
            raise Broken(problem_at(body, piece.offset, "{% raw %} is not available in messages."))
        if piece.kind == "data" and piece.text.startswith("}") and before and before.kind == "variable_end":
            raise Broken(problem_at(body, piece.offset, "One } too many: a tag ends with two, }}."))
        stray = _STRAY.search(piece.text) if piece.kind == "data" else None
        if stray:
            text = (
                "A tag starts with two braces: {{ … }}."
                if stray[0].startswith("{")
                else f"{stray[0]} closes a tag, but none was opened before it."
            )
            raise Broken(problem_at(body, piece.offset + stray.start(), text))


def _check_statements(body: str, pieces: list[RawToken]) -> None:
    """Raise `Broken` for a statement other than if, and for ifs and endifs that do not pair up."""
    open_ifs: list[RawToken] = []
    words = [piece for piece in pieces if piece.kind != "whitespace"]
    for begin, word in pairwise(words):
        if begin.kind != "block_begin":
            continue
        if word.kind == "block_end":
            raise Broken(problem_at(body, begin.offset, "The tag is empty: write {% if … %} or take it out."))
        if word.text not in STATEMENTS:
            raise Broken(
                problem_at(
                    body,
                    begin.offset,
                    f"'{{% {word.text} %}}' is not available in messages: there is only "
                    "{% if %}, {% elif %}, {% else %} and {% endif %}.",
                )
            )
        if word.text == "if":
            open_ifs.append(begin)
        elif not open_ifs:
            raise Broken(problem_at(body, begin.offset, f"{{% {word.text} %}} has no {{% if %}} before it."))
        elif word.text == "endif":
            open_ifs.pop()
    if open_ifs:
        raise Broken(problem_at(body, open_ifs[-1].offset, "This {% if %} has no {% endif %} after it."))


def _in_words(message: str) -> str:
    """A syntax error of Jinja's parser in words for people."""
    if message.startswith("Expected an expression") or message == "unexpected 'end of print statement'":
        return "The tag ends too early: something is missing before }}."
    if message == "unexpected 'end of statement block'":
        return "The tag ends too early: something is missing before %}."
    if message == "expected name or number":
        return "A name is missing after the point."
    found = re.search(r"(?:got|unexpected) '(.*)'", message)
    what = found[1] if found else ""
    if what in ("end of print statement", "end of statement block"):
        return "The tag ends too early: something is missing before it closes."
    if "end of print statement" in message or "end of statement block" in message:
        return f"'{what}' is not expected here. Close the tag before it, or put a text in quotes."
    if what:
        return f"'{what}' is not expected here."
    return f"This tag cannot be read: {message.rstrip('.')}."


def _depth(tree: nodes.Node) -> int:
    """How many levels the tree has, counted without recursion."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        waiting.extend((child, level + 1) for child in node.iter_child_nodes())
    return deepest
