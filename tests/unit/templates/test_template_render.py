"""Rendering: the quick way says what plain Jinja would say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distribution.templates import render
from distribution.templates.language import FILTERS
from distribution.templates.render import CodeMissing, CodeText, Recipient
from distribution.templates.values import as_text, clean, first_name, last_name
from storage.names import fold

WORDS = ["", "Anna", "Anna Kowalska", "O'Neil {{ x }}", "żółw 😀", "<b>&", "%s {0}", "5"]
word = st.sampled_from(WORDS)
code = st.builds(CodeText, st.sampled_from(["AB-12", "ZZ"]), st.sampled_from(["https://x/q/1", "https://x/q/2"]))

recipient = st.builds(
    Recipient,
    name=word,
    phone=word,
    attributes=st.fixed_dictionaries({"city": word, "points": word}),
    codes=st.fixed_dictionaries({"a": code, "b": code}),
    last_codes=st.dictionaries(st.sampled_from(["a", "b"]), code),
    promotion=st.fixed_dictionaries({"name": word, "terms": word}),
)

tag = st.sampled_from(
    [
        "client.name",
        "client.first_name",
        "client.last_name",
        "client.phone",
        "client.attributes.city",
        "client.attributes['points']",
        "promotion.name",
        "promotion.terms",
        "client.last_promocode('A')",
        'client.last_promocode("b") | qr',
    ]
)
issued = st.sampled_from(["client.promocode('A')", "client.promocode(' b ') | qr", "client.promocode('a') | lower"])
text = st.sampled_from(["'x'", '"Warsaw"', "'5'", "'Anna'"])
value = st.recursive(
    st.one_of(tag, text),
    lambda inner: st.one_of(
        st.builds("({} | default({}))".format, inner, inner),
        st.builds("({} | {})".format, inner, st.sampled_from(["upper", "lower", "title", "capitalize", "trim"])),
        st.builds("({} | truncate({}))".format, inner, st.integers(1, 9)),
        st.builds("({} ~ {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} if {} == {} else {})".format, inner, inner, inner, inner),
    ),
    max_leaves=5,
)
test = st.one_of(
    value,
    st.builds("not {}".format, value),
    st.builds("{} == {}".format, value, value),
    st.builds("{} != {} and {}".format, value, value, value),
    st.builds("{} in [{}, {}]".format, value, value, value),
    st.builds("{} not in {}".format, value, value),
)
part = st.one_of(
    st.sampled_from(["Hi ", "\n", "100% ", " - ", "{# note #}", 'it\'s "so" ']),
    st.builds("{{{{ {} }}}}".format, value),
    st.builds("{{{{- {} }}}}".format, issued),
    st.builds("{{% if {} %}}yes {{{{ {} }}}}{{% elif {} %}}or{{% else %}}no{{% endif %}}".format, test, value, test),
)
body = st.lists(part, max_size=6).map("".join)


class Plain:
    """The customer as an object that plain Jinja walks into."""

    def __init__(self, recipient: Recipient) -> None:
        self._recipient = recipient
        self.name, self.phone = recipient.name, recipient.phone
        self.first_name, self.last_name = first_name(recipient.name), last_name(recipient.name)
        self.attributes = recipient.attributes

    def promocode(self, group: str) -> "Code":
        """The code of a group."""
        return Code(self._recipient.codes[fold(group)])

    def last_promocode(self, group: str) -> "Code":
        """The last code, or an empty one."""
        return Code(self._recipient.last_codes.get(fold(group), CodeText("")))


class Code(str):
    """A code that knows its link."""

    link: str

    def __new__(cls, text: CodeText) -> "Code":
        """The code as text."""
        made = super().__new__(cls, text.code)
        made.link = text.link
        return made


def plainly(source: str, recipient: Recipient) -> str:
    """The text by `template.render` of an ordinary sandbox, objects and all."""
    env = ImmutableSandboxedEnvironment(keep_trailing_newline=True)
    env.filters = {name: function for name, (function, _) in FILTERS.items()}
    env.filters["qr"] = lambda found: found.link
    source = source.strip()
    values: dict[str, Any] = {"client": Plain(recipient), "promotion": recipient.promotion}
    return env.from_string(source).render(values).strip()


@given(body, recipient)
def test_the_quick_way_is_plain_rendering(source: str, someone: Recipient) -> None:
    assert render.compile(source).render(someone) == plainly(source, someone)


@given(body, st.lists(recipient, min_size=2, max_size=4))
def test_nothing_of_one_customer_is_left_for_the_next(source: str, people: list[Recipient]) -> None:
    template = render.compile(source)
    once = [template.render(someone) for someone in people]
    assert [template.render(someone) for someone in reversed(people)] == once[::-1]


def test_a_code_used_twice_is_one_code() -> None:
    template = render.compile("{{ client.promocode('A') }} {{ client.promocode(' a') }} {{ client.promocode('A')|qr }}")
    someone = Recipient(codes={"a": CodeText("X1", "https://x/q/1")})
    assert template.render(someone) == "X1 X1 https://x/q/1"
    assert template.issues_from == ("a",)


def test_a_missing_code_is_never_a_hole_in_the_text() -> None:
    with pytest.raises(CodeMissing):
        render.compile("Your code: {{ client.promocode('A') }}").render(Recipient())
    with pytest.raises(CodeMissing):
        render.compile("Your code: {{ client.promocode('A') | qr }}").render(Recipient())


def test_no_last_code_is_empty() -> None:
    template = render.compile("[{{ client.last_promocode('A') }}{{ client.last_promocode('A')|qr }}]")
    assert template.render(Recipient()) == "[]"
    assert template.repeats_from == ("a",)


def test_numbers_compare_as_they_are_written() -> None:
    template = render.compile("{% if client.attributes.n == 5 %}five{% endif %}{{ client.name | default(0) }}")
    assert template.render(Recipient(attributes={"n": "5"})) == "five0"


def test_masked_shows_masks_and_no_last_code_stays_none() -> None:
    body = "{{ client.promocode('A') }}/{{ client.last_promocode('A') }}/{{ client.last_promocode('B') }}"
    someone = Recipient(codes={"a": CodeText("REAL")}, last_codes={"a": CodeText("OLD")})
    assert render.compile(body).masked(someone, lambda key, code: CodeText(key * len(code.code))) == "aaaa/aaa/"


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Anna Maria Kowalska", "Anna", "Kowalska"),
        ("Kowalska, Anna", "Anna", "Kowalska"),
        ("Dr. Anna Kowalska", "Anna", "Kowalska"),
        ("Mrs Prof. Anna Nowak", "Anna", "Nowak"),
        ("Anna", "Anna", ""),
        ("Dr", "Dr", ""),
        ("", "", ""),
        (",", ",", ""),
        ("😀 Anna", "😀", "Anna"),
    ],
)
def test_first_and_last_names(name: str, first: str, last: str) -> None:
    assert (first_name(name), last_name(name)) == (first, last)


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("Anna\nKowalska", "Anna Kowalska"),
        (" a\x00b\x1b[31mc ", "ab[31mc"),
        ("\u202egnp.exe", "gnp.exe"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("żółw", "żółw"),
        ("<!channel> *x*", "<!channel> *x*"),
    ],
)
def test_values_lose_what_would_act_and_keep_what_is_read(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (5, "5"),
        (5.0, "5"),
        (5.25, "5.25"),
        (["a", None, 3], "a, 3"),
        ("", ""),
    ],
)
def test_json_values_read_as_people_write_them(value: Any, shown: str) -> None:
    assert as_text(value) == shown


def test_percent_signs_and_filters_on_filters_mean_what_they_say() -> None:
    """Without conditions a message is filled in as a %-form."""
    tags = "{{ client.first_name | default('you') | upper }} {{ client.attributes.city | truncate(5) }}%"
    template = render.compile(f"100% off %s %(x)s %% {tags}")
    assert template.render(Recipient("Anna", attributes={"city": "Warszawa"})) == "100% off %s %(x)s %% ANNA Wa...%"
    assert template.render(Recipient("%s")) == "100% off %s %(x)s %% %S %"
    assert template.render(Recipient()) == "100% off %s %(x)s %% YOU %"
