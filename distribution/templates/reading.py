"""Reading a message: which tags it uses, where, and what in it is not allowed. Knows nothing of any database."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes

from distribution.templates.language import ENVIRONMENT, FILTERS, Broken, Problem, normal, parse, problem_at, tokens
from distribution.templates.tags import CLIENT, CODES, PROMOTION, NotATag, Tag, literal, start_of, tag_of
from storage.names import fold

ARITHMETIC = (
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
)
COMPARISONS = {"eq": "==", "ne": "!=", "in": "in", "notin": "not in"}
SUGGESTIONS = (
    *(f"client.{name}" for name in (*CLIENT, *CODES, "attributes.city")),
    *(f"promotion.{name}" for name in PROMOTION),
)


@dataclass(frozen=True)
class Use:
    """One appearance of a tag. `shown`: it stands there by itself, so that an empty value leaves a hole in the text."""

    tag: Tag
    offset: int
    shown: bool


@dataclass(frozen=True)
class Reading:
    """What a body says: its tags in order, its text outside of tags, and what is wrong with it."""

    body: str
    uses: tuple[Use, ...]
    plain: str
    problems: tuple[Problem, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every different tag, in the order of first appearance."""
        return tuple(dict.fromkeys(use.tag for use in self.uses))

    @property
    def holes(self) -> tuple[Tag, ...]:
        """Tags that leave a hole in the text where they are empty."""
        return tuple(dict.fromkeys(use.tag for use in self.uses if use.shown))

    def problem(self, offset: int, text: str) -> Problem:
        """A problem at an offset of the body."""
        return problem_at(self.body, offset, text)


@lru_cache(maxsize=512)
def read(body: str) -> Reading:
    """Read a body. Never raises: what is wrong is in `problems`, in the order of the text."""
    body = normal(body)
    try:
        tree = parse(body)
    except Broken as broken:
        return Reading(body, (), "", (broken.problem,))
    reader = _Reader(body)
    reader.statements(tree.body)
    problems = sorted(reader.problems, key=lambda problem: (problem.line, problem.column))
    return Reading(body, tuple(reader.uses), "".join(reader.plain), tuple(problems))


@dataclass
class _Reader:
    """Walks a tree whose depth `parse` has bounded. `guards`: tags that an if around this place has tested."""

    body: str
    uses: list[Use] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    guards: list[Tag] = field(default_factory=list)
    branches: int = 0

    def statements(self, body: list[nodes.Node]) -> None:
        """Text, tags and ifs."""
        for node in body:
            if isinstance(node, nodes.Output):
                for part in node.nodes:
                    if isinstance(part, nodes.TemplateData):
                        self.plain.append(part.data)
                    else:
                        self.value(part, shown=True)
            elif isinstance(node, nodes.If):
                self.branch(node)
            else:
                self.refuse(node, "This is not available in messages.")

    def branch(self, node: nodes.If) -> None:
        """if, elif, else: what a test has looked at is not a hole inside."""
        self.branches += 1
        before = len(self.guards)
        for arm in (node, *node.elif_):
            first = len(self.uses)
            self.test(arm.test)
            self.guards += [use.tag for use in self.uses[first:]]
            self.statements(arm.body)
        self.statements(node.else_)
        del self.guards[before:]
        self.branches -= 1

    def value(self, node: nodes.Node | None, *, shown: bool = False) -> None:
        """Something that has a text."""
        match node:
            case None:
                pass
            case nodes.Const(value=bool() | None):
                self.refuse(node, "true, false and none are not texts. Put a text in quotes.")
            case nodes.Const():
                pass
            case nodes.Concat():
                for part in node.nodes:
                    self.value(part, shown=shown)
            case nodes.And() | nodes.Or():
                self.choose(node.left, node.right)
            case nodes.CondExpr():
                self.branches += 1
                first = len(self.uses)
                self.test(node.test)
                tested = [use.tag for use in self.uses[first:]]
                self.guards += tested
                self.value(node.expr1, shown=shown)
                self.value(node.expr2, shown=shown)
                del self.guards[len(self.guards) - len(tested) :]
                self.branches -= 1
            case nodes.Filter() if node.name != "qr":
                self.filter(node, shown=shown)
            case nodes.Compare() | nodes.Not() | nodes.Test():
                self.refuse(node, "A comparison has no text. It belongs into {% if … %}.")
            case _:
                self.tag(node, shown=shown)

    def choose(self, *parts: nodes.Node) -> None:
        """`client.first_name or 'there'`."""
        self.branches += 1
        for part in parts:
            self.value(part)
        self.branches -= 1

    def filter(self, node: nodes.Filter, *, shown: bool) -> None:
        """`value | name(arguments)`."""
        if node.name not in FILTERS:
            near = get_close_matches(node.name, [*FILTERS, "qr"], 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join([*FILTERS, 'qr'])}."
            self.refuse(node, f"The filter '{node.name}' does not exist. {hint}")
            return
        wanted = FILTERS[node.name][1]
        if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) != wanted:
            example = {"truncate": "truncate(20)"}.get(node.name, f"{node.name}('there')" if wanted else node.name)
            self.refuse(node, f"Write the filter '{node.name}' as: {example}.")
            return
        if node.name == "truncate":
            length = node.args[0]
            if not (isinstance(length, nodes.Const) and type(length.value) is int and 1 <= length.value <= 1600):
                self.refuse(node, "truncate takes a number from 1 to 1600: truncate(20).")
                return
        covered = node.name in ("default", "d")
        self.value(node.node, shown=shown and not covered)
        for argument in node.args:
            self.value(argument, shown=False)

    def test(self, node: nodes.Node) -> None:
        """What an if asks."""
        match node:
            case nodes.Not():
                self.test(node.node)
            case nodes.And() | nodes.Or():
                self.test(node.left)
                self.test(node.right)
            case nodes.Compare():
                self.compare(node)
            case nodes.Test():
                self.refuse(node, f"'is {node.name}' is not available. Write {{% if client.attributes.city %}}.")
            case _:
                self.value(node)

    def compare(self, node: nodes.Compare) -> None:
        """`a == 'b'`, `a in ['b', 'c']`."""
        self.value(node.expr)
        for operand in node.ops:
            if operand.op not in COMPARISONS:
                self.refuse(node, f"Values are texts and compare with {', '.join(COMPARISONS.values())} only.")
                return
            if isinstance(operand.expr, nodes.List | nodes.Tuple) and operand.op in ("in", "notin"):
                for item in operand.expr.items:
                    self.value(item)
            else:
                self.value(operand.expr)

    def tag(self, node: nodes.Node, *, shown: bool) -> None:
        """One of the tags, or something that is not allowed."""
        if isinstance(node, ARITHMETIC):
            self.refuse(node, "Arithmetic is not available in messages. To put two texts together, write ~ between.")
            return
        try:
            tag = tag_of(node)
        except NotATag as wrong:
            self.refuse(wrong.node, wrong.text + _suggestion(wrong))
            return
        if tag is None:
            self.refuse(node, "This is not available in messages: only tags, texts in quotes and {% if %} are.")
            return
        if tag.kind == "promocode" and self.branches:
            self.refuse(
                node,
                f"{tag.written} cannot depend on an if, and or or: each customer would be given a code, shown or not. "
                "Send a distribution of its own to those customers.",
            )
            return
        self.uses.append(Use(tag, start_of(node).lineno - 1, shown and tag not in self.guards))

    def refuse(self, node: nodes.Node, text: str) -> None:
        """Note a problem at the start of `node`."""
        self.problems.append(problem_at(self.body, start_of(node).lineno - 1, text))


def _suggestion(wrong: NotATag) -> str:
    """ " Did you mean client.first_name?" for a misspelled tag."""
    if not wrong.text.endswith("does not exist."):
        return ""
    written = wrong.text.split("'")[1]
    if "__" in written:
        return " A message can only use the tags of this list: " + ", ".join(SUGGESTIONS) + "."
    near = get_close_matches(written, SUGGESTIONS, 1, 0.5)
    return f" Did you mean {near[0]}?" if near else f" There are: {', '.join(SUGGESTIONS)}."


def regrouped(body: str, key: str, name: str) -> str:
    """`body` with the group of folded name `key` called `name` in its tags; a body that cannot be read stays."""
    body = normal(body)
    try:
        pieces = [piece for piece in tokens(ENVIRONMENT, body) if piece.kind != "whitespace"]
    except TemplateSyntaxError:
        return body
    changed = body
    for function, bracket, group in reversed(list(zip(pieces, pieces[1:], pieces[2:], strict=False))):
        if function.text in CODES and bracket.text == "(" and group.kind == "string" and _names(group.text, key):
            end = group.offset + len(group.text)
            changed = changed[: group.offset] + literal(name) + changed[end:]
    return changed


def _names(text: str, key: str) -> bool:
    """Whether a text in quotes is the name of the group of folded name `key`."""
    return fold(re.sub(r"\\(.)", r"\1", text[1:-1])) == key
