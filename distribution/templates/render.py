"""A message's text for one customer, quickly: compiled once, about a microsecond each.

Where the parser found `client.first_name` or `client.promocode('Summer 10%')`, the compiled template has the name of a
slot, and rendering fills slots with texts. So a template never holds an object that it could walk into, and needs no
context of Jinja's: that is what makes it quick, and free to be shared by threads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from jinja2 import nodes
from jinja2.environment import Template as JinjaTemplate
from jinja2.visitor import NodeTransformer

from distribution.templates.language import ENVIRONMENT, Broken, parse
from distribution.templates.reading import Reading, read
from distribution.templates.tags import NotATag, Tag, tag_of
from distribution.templates.values import first_name, last_name


@dataclass(frozen=True, slots=True)
class CodeText:
    """A promo code as a message shows it: the code, and the link to its QR page."""

    code: str
    link: str = ""


NO_CODE = CodeText("")


@dataclass(slots=True)
class Recipient:
    """What a message may say about one customer. All values are clean text (`templates.values.as_text`).

    `codes` and `last_codes` are by the folded name of their group (`storage.names.fold`); `codes` must have every
    group that the body takes codes from.
    """

    name: str = ""
    phone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, CodeText] = field(default_factory=dict)
    last_codes: Mapping[str, CodeText] = field(default_factory=dict)
    promotion: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, str] = field(default_factory=dict)


class CodeMissing(Exception):
    """A recipient has no code of a group that the message takes one from: a bug, and never a text with a hole."""


class Template:
    """A compiled message. Safe to share between threads."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.tags = reading.tags
        self.holes = reading.holes
        slots = {tag: f"t{number}" for number, tag in enumerate(self.tags)}
        rewritten = _Slots(slots).visit(parse(reading.body))
        self._straight = straight(rewritten, {slots[tag]: getter(tag) for tag in self.tags})
        code = ENVIRONMENT.compile(rewritten)
        self._run = JinjaTemplate.from_code(ENVIRONMENT, code, {}).root_render_func
        self._getters = [(slots[tag], getter(tag)) for tag in self.tags]
        # Folded names of the groups that it takes codes from, and of those whose last code it repeats.
        self.issues_from = tuple(dict.fromkeys(tag.key for tag in self.tags if tag.kind == "promocode"))
        self.repeats_from = tuple(dict.fromkeys(tag.key for tag in self.tags if tag.kind == "last_promocode"))
        # The customers' attributes that it uses, the event's properties, and whether it has a code as a QR link.
        self.attributes = tuple(tag.key for tag in self.tags if tag.kind == "attribute")
        self.event = tuple(tag.key for tag in self.tags if tag.kind == "event")
        self.uses_qr = any(tag.qr for tag in self.tags)

    def render(self, recipient: Recipient) -> str:
        """The text for one customer, without space around it. Raises `CodeMissing`."""
        if self._straight is not None:
            form, gets = self._straight
            return (form % tuple([get(recipient) for get in gets])).strip()
        filled = {slot: get(recipient) for slot, get in self._getters}
        # `_Filled` is all of a context that Jinja asks for here.
        return "".join(self._run(_Filled(filled.__getitem__))).strip()  # type: ignore[arg-type]

    def masked(self, recipient: Recipient, mask: Callable[[str, CodeText], CodeText]) -> str:
        """The text with masks in place of codes, for samples and approval cards, which many people read.

        `mask` takes a group's folded name and a code of it.
        """
        codes = {key: mask(key, code) for key, code in recipient.codes.items()}
        last_codes = {key: mask(key, code) for key, code in recipient.last_codes.items()}
        return self.render(replace(recipient, codes=codes, last_codes=last_codes))


@lru_cache(maxsize=256)
def compile(body: str) -> Template:
    """Compile a body (half a millisecond, once). Raises `Refused`, field "body", when something is wrong."""
    reading = read(body)
    if reading.problems:
        raise Broken(reading.problems[0]).refused()
    return Template(reading)


def getter(tag: Tag) -> Callable[[Recipient], str]:
    """The function that takes a tag's text from a recipient."""
    key = tag.key
    match tag.kind:
        case "client":
            return {
                "name": lambda recipient: recipient.name,
                "first_name": lambda recipient: first_name(recipient.name),
                "last_name": lambda recipient: last_name(recipient.name),
                "phone": lambda recipient: recipient.phone,
            }[key]
        case "attribute":
            return lambda recipient: recipient.attributes.get(key, "")
        case "promotion":
            return lambda recipient: recipient.promotion.get(key, "")
        case "event":
            return lambda recipient: recipient.event.get(key, "")
        case "promocode":
            return _linked(key) if tag.qr else _issued(key)
        case "last_promocode":
            if tag.qr:
                return lambda recipient: recipient.last_codes.get(key, NO_CODE).link
            return lambda recipient: recipient.last_codes.get(key, NO_CODE).code


def straight(
    template: nodes.Template, getters: Mapping[str, Callable[[Recipient], str]]
) -> tuple[str, list[Callable[[Recipient], str]]] | None:
    """A template without conditions as a %-form and what fills it: nearly all are; half the time of Jinja's code.

    None where anything but texts, slots and filters of slots is in it.
    """
    form, gets = "", []
    for output in template.body:
        for node in output.nodes if isinstance(output, nodes.Output) else [output]:
            if isinstance(node, nodes.TemplateData):
                form += node.data.replace("%", "%%")
                continue
            get = _slot(node, getters)
            if get is None:
                return None
            form += "%s"
            gets.append(get)
    return form, gets


def _slot(
    node: nodes.Node | None, getters: Mapping[str, Callable[[Recipient], str]]
) -> Callable[[Recipient], str] | None:
    """What gives the text of a slot, or of a slot with filters whose arguments are written out."""
    if isinstance(node, nodes.Name):
        return getters[node.name]
    if not isinstance(node, nodes.Filter) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        return None
    get, args = _slot(node.node, getters), [arg.value for arg in node.args if isinstance(arg, nodes.Const)]
    if get is None or len(args) < len(node.args):
        return None
    function = ENVIRONMENT.filters[node.name]
    return lambda recipient: function(get(recipient), *args)


def _issued(key: str) -> Callable[[Recipient], str]:
    """The code of a group, which must be there."""

    def get(recipient: Recipient) -> str:
        try:
            return recipient.codes[key].code
        except KeyError:
            raise CodeMissing(key) from None

    return get


def _linked(key: str) -> Callable[[Recipient], str]:
    """The QR link of a code of a group, which must be there."""

    def get(recipient: Recipient) -> str:
        try:
            return recipient.codes[key].link
        except KeyError:
            raise CodeMissing(key) from None

    return get


class _Filled:
    """All that a compiled template of ours asks of its context: the text of a slot."""

    __slots__ = ("resolve_or_missing",)

    def __init__(self, resolve: Callable[[str], str]) -> None:
        self.resolve_or_missing = resolve


class _Slots(NodeTransformer):
    """Puts slots in the place of tags, and texts in the place of numbers (every value is a text)."""

    def __init__(self, slots: Mapping[Tag, str]) -> None:
        self._slots = slots

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        """Replace a tag as a whole; go into anything else."""
        if isinstance(node, nodes.Expr):
            try:
                tag = tag_of(node)
            except NotATag:
                tag = None
            if tag is not None:
                return nodes.Name(self._slots[tag], "load", lineno=node.lineno)
        return super().visit(node, *args, **kwargs)

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802 - the visitor's way to name a method
        """A number is compared as it is written."""
        return nodes.Const(str(node.value), lineno=node.lineno)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        """truncate's argument stays a number."""
        if node.name != "truncate":
            return self.generic_visit(node)
        node.node = self.visit(node.node) if node.node else None
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802
        """Without an else, it is empty."""
        self.generic_visit(node)
        node.expr2 = node.expr2 or nodes.Const("", lineno=node.lineno)
        return node
