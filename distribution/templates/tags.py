"""The tags that a message may use, and how one is read out of Jinja's syntax tree."""

from dataclasses import dataclass, field
from typing import Literal

from jinja2 import nodes

from storage.names import fold

Kind = Literal["client", "attribute", "promocode", "last_promocode", "promotion", "event"]

CLIENT = ("name", "first_name", "last_name", "phone")
CODES = ("promocode", "last_promocode")
PROMOTION = ("name", "terms")
ROOTS = ("client", "promotion", "event")

# What a person can insert, as the wizard's picker and the docs show it.
EXAMPLES = (
    "client.name",
    "client.first_name",
    "client.last_name",
    "client.phone",
    "client.attributes.city",
    "client.promocode('Group')",
    "client.last_promocode('Group')",
    "promotion.name",
    "promotion.terms",
)


@dataclass(frozen=True)
class Tag:
    """One thing that a message takes from its customer.

    `name` is a field, an attribute, an event's property, or a promo code group's name as written; `key` is what it is
    compared by (a group's folded name). With `qr`, the link to the code's QR page instead of the code.
    """

    kind: Kind
    key: str
    name: str = field(compare=False)
    qr: bool = False

    @property
    def written(self) -> str:
        """The tag as people write it: "client.promocode('Summer 10%') | qr"."""
        match self.kind:
            case "client" | "promotion" | "event":
                text = f"{self.kind}.{self.name}"
            case "attribute":
                text = f"client.attributes.{self.name}"
            case _:
                text = f"client.{self.kind}({literal(self.name)})"
        return f"{text} | qr" if self.qr else text


def literal(name: str) -> str:
    """A group's name in quotes, as a tag takes it: 'Summer 10%', "Bob's"."""
    escaped = name.replace("\\", "\\\\")
    if "'" not in escaped:
        return f"'{escaped}'"
    return f'"{escaped}"' if '"' not in escaped else "'" + escaped.replace("'", "\\'") + "'"


class NotATag(Exception):
    """A node that begins like a tag and is none. `text` says why, in words; `node` is where."""

    def __init__(self, text: str, node: nodes.Node) -> None:
        super().__init__(text)
        self.text = text
        self.node = node


def tag_of(node: nodes.Node) -> Tag | None:
    """The tag that `node` spells, or None when it is something else. Raises `NotATag`."""
    if isinstance(node, nodes.Filter) and node.name == "qr":
        return _qr(node)
    if isinstance(node, nodes.Call):
        return _code(node)
    if isinstance(node, nodes.Name):
        raise NotATag(_lonely(node.name), node)
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return _field(node)
    return None


def start_of(node: nodes.Node) -> nodes.Node:
    """The node that stands leftmost in the text of `node`."""
    while True:
        match node:
            case nodes.Getattr() | nodes.Getitem() | nodes.Call() | nodes.Filter() | nodes.Test():
                inner: nodes.Node | None = node.node
            case nodes.Compare():
                inner = node.expr
            case nodes.BinExpr():
                inner = node.left
            case nodes.CondExpr():
                inner = node.expr1
            case nodes.Concat():
                inner = node.nodes[0]
            case _:
                inner = None
        if inner is None:
            return node
        node = inner


def _qr(node: nodes.Filter) -> Tag:
    """`client.promocode('…') | qr`."""
    tag = tag_of(node.node) if isinstance(node.node, nodes.Call) else None
    if tag is None or node.args or node.kwargs:
        raise NotATag("qr makes a picture of a code: write it right after one, client.promocode('Group') | qr.", node)
    return Tag(tag.kind, tag.key, tag.name, qr=True)


def _code(node: nodes.Call) -> Tag:
    """`client.promocode('…')` and `client.last_promocode('…')`."""
    function = node.node
    if not (
        isinstance(function, nodes.Getattr)
        and isinstance(function.node, nodes.Name)
        and function.node.name == "client"
        and function.attr in CODES
    ):
        if isinstance(function, nodes.Getattr | nodes.Name):
            name = function.attr if isinstance(function, nodes.Getattr) else function.name
            raise NotATag(
                f"'{name}(…)' does not exist. The ones with brackets are client.promocode('Group') and "
                "client.last_promocode('Group').",
                node,
            )
        raise NotATag("Only client.promocode('Group') and client.last_promocode('Group') take brackets.", node)
    literal = len(node.args) == 1 and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    group = node.args[0] if literal else None
    if not (isinstance(group, nodes.Const) and isinstance(group.value, str) and group.value.strip()):
        raise NotATag(
            f"client.{function.attr} takes the name of one promo code group, in quotes: "
            f"client.{function.attr}('Group'). It cannot be put together from other tags.",
            group or node,
        )
    kind: Kind = "promocode" if function.attr == "promocode" else "last_promocode"
    return Tag(kind, fold(group.value), group.value.strip())


def _field(node: nodes.Getattr | nodes.Getitem) -> Tag:
    """`client.name`, `client.attributes.city`, `client.attributes['favourite shop']`, `promotion.name`, `event.x`."""
    path = _path(node)
    if path is None:
        raise NotATag("A tag is written as words with points between them, such as client.attributes.city.", node)
    root, *rest = path
    match rest:
        case [name] if root == "client" and name in CLIENT:
            return Tag("client", name, name)
        case [name] if root == "client" and name in CODES:
            raise NotATag(f"client.{name} needs the name of a promo code group: client.{name}('Group').", node)
        case ["attributes", name] if root == "client":
            return Tag("attribute", name, name)
        case [name] if root == "promotion" and name in PROMOTION:
            return Tag("promotion", name, name)
        case [name] if root == "event":
            return Tag("event", name, name)
    raise NotATag(f"The tag '{'.'.join(path)}' does not exist.", node)


def _path(node: nodes.Node) -> list[str] | None:
    """["client", "attributes", "city"], or None where a step is not a literal word."""
    steps: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            steps.append(node.arg.value)
        elif isinstance(node, nodes.Name):
            return [node.name, *reversed(steps)]
        else:
            return None
        node = node.node


def _lonely(name: str) -> str:
    """Why a single word is no tag."""
    if name in ROOTS:
        example = {"client": "client.first_name", "promotion": "promotion.name", "event": "event.cart_total"}[name]
        return f"'{name}' alone says nothing. Write what of it, such as {example}."
    return f"The tag '{name}' does not exist."
