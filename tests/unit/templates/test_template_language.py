"""What a message may say: every kind of wrong tag is refused in words, where it stands, and nothing in it is run."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.errors import Refused
from distribution.templates import render
from distribution.templates.language import MAX_BODY
from distribution.templates.reading import read, regrouped
from distribution.templates.tags import literal

BAD = [
    # body, line, column, what the problem says
    ("Hi {{ client.name }", 1, 19, "two braces"),
    ("Hi {{ client.name", 1, 4, "never closed"),
    ("a\nb {{ client.name & }}", 2, 18, "'&' cannot stand"),
    ("{{ client.promocode(‘Summer’) }}", 1, 21, "typographic quotation mark"),
    ("{{ client.promocode('Summer) }}", 1, 21, "no closing '"),
    ("{{ client.promocode('Summer' }}", 1, 20, "bracket ( that starts here is never closed"),
    ("{{ }}", 1, 4, "too early"),
    ("{{ client.name | }}", 1, 18, "too early"),
    ("{{ client.name foo }}", 1, 16, "'foo' is not expected"),
    ("{{ client..name }}", 1, 11, "name is missing after the point"),
    ("{ client.name }", 1, 1, "two braces"),
    ("{{ client.name }}}", 1, 18, "One } too many"),
    ("Save 10 %} now", 1, 9, "none was opened"),
    ("{% if client.name %}x", 1, 1, "no {% endif %}"),
    ("x{% endif %}", 1, 2, "no {% if %}"),
    ("{% else %}", 1, 1, "no {% if %}"),
    ("{% %}", 1, 1, "empty"),
    ("{# note", 1, 1, "never closed"),
    ("{% raw %}{{ x }}{% endraw %}", 1, 1, "not available"),
    ("{% for x in range(9) %}a{% endfor %}", 1, 1, "'{% for %}' is not available"),
    ("{% set a = 'x' %}", 1, 1, "'{% set %}' is not available"),
    ("{% macro a() %}{% endmacro %}", 1, 1, "'{% macro %}' is not available"),
    ("{% include 'x' %}", 1, 1, "'{% include %}' is not available"),
    ("{% import 'os' as os %}", 1, 1, "'{% import %}' is not available"),
    ("{{ 10**9999999 }}", 1, 4, "Arithmetic"),
    ("{{ 'a' * 999999999 }}", 1, 4, "Arithmetic"),
    ("{{ client.name * 9 }}", 1, 4, "Arithmetic"),
    ("{{ 1 / 0 }}", 1, 4, "Arithmetic"),
    ("{{ '%9999999d' % 1 }}", 1, 4, "Arithmetic"),
    ("{{ range(99999999) }}", 1, 4, "'range(…)' does not exist"),
    ("{{ lipsum(9999) }}", 1, 4, "'lipsum(…)' does not exist"),
    ("{{ client.__class__ }}", 1, 4, "'client.__class__' does not exist"),
    ("{{ client.name.__class__.__mro__ }}", 1, 4, "does not exist"),
    ("{{ ''.__class__ }}", 1, 4, "words with points"),
    ("{{ client['__class__'] }}", 1, 4, "does not exist"),
    ("{{ client.name.upper() }}", 1, 4, "does not exist"),
    ("{{ client.promocode.__globals__ }}", 1, 4, "does not exist"),
    ("{{ self }}", 1, 4, "'self' does not exist"),
    ("{{ client }}", 1, 4, "alone says nothing"),
    ("{{ client.fist_name }}", 1, 4, "Did you mean client.first_name?"),
    ("{{ client.promocode }}", 1, 4, "needs the name"),
    ("{{ client.promocode() }}", 1, 4, "takes the name of one promo code group"),
    ("{{ client.promocode(client.name) }}", 1, 21, "cannot be put together"),
    ("{{ client.promocode('a' ~ 'b') }}", 1, 21, "cannot be put together"),
    ("{{ client.promocode('a', 'b') }}", 1, 4, "takes the name of one"),
    ("{{ client.promocode(name='a') }}", 1, 4, "takes the name of one"),
    ("{{ client.promocode(*client.name) }}", 1, 4, "takes the name of one"),
    ("{{ client.attributes[client.name] }}", 1, 4, "words with points"),
    ("{{ client.attributes.a.b }}", 1, 4, "does not exist"),
    ("{{ client.name | qr }}", 1, 4, "right after one"),
    ("{{ client.promocode('a') | upper | qr }}", 1, 4, "right after one"),
    ("{{ client.name | upcase }}", 1, 4, "filter 'upcase' does not exist"),
    ("{{ client.name | uper }}", 1, 4, "Did you mean 'upper'?"),
    ("{{ client.name | default }}", 1, 4, "default('there')"),
    ("{{ client.name | center(99999999) }}", 1, 4, "filter 'center' does not exist"),
    ("{{ client.name | truncate(0) }}", 1, 4, "1 to 1600"),
    ("{{ client.name | truncate(client.phone) }}", 1, 4, "1 to 1600"),
    ("{{ client.name is defined }}", 1, 4, "belongs into {% if"),
    ("{% if client.name is defined %}a{% endif %}", 1, 7, "'is defined' is not available"),
    ("{% if client.name > 5 %}a{% endif %}", 1, 7, "compare with =="),
    ("{{ client.name == 'a' }}", 1, 4, "belongs into {% if"),
    ("{{ true }}", 1, 4, "Put a text in quotes"),
    ("{{ [1, 2] }}", 1, 4, "not available"),
    ("{{ {'a': 1} }}", 1, 4, "not available"),
    ("{{ client.name[0:2] }}", 1, 4, "words with points"),
    ("{% if client.name %}{{ client.promocode('A') }}{% endif %}", 1, 24, "each customer would be given a code"),
    ("{{ client.promocode('A') if client.name else '' }}", 1, 4, "each customer would be given a code"),
    ("{{ client.name or client.promocode('A') }}", 1, 19, "each customer would be given a code"),
]


@pytest.mark.parametrize(("body", "line", "column", "says"), BAD, ids=[bad[0] for bad in BAD])
def test_a_bad_message_says_what_is_wrong_and_where(body: str, line: int, column: int, says: str) -> None:
    problem = read(body).problems[0]
    assert says in problem.text
    assert (problem.line, problem.column) == (line, column)
    with pytest.raises(Refused) as refused:
        render.compile(body)
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    "body",
    [
        "{{" + "(" * 1400 + "1" + ")" * 1400 + "}}",
        "{{ " + "not " * 700 + "client.name }}",
        "{% if client.name %}" * 80 + "{% endif %}" * 80,
        "{{ client.name" + "|upper" * 480 + " }}",
        "{{ " + "client.name or " * 190 + "'x' }}",
        "{{ '" + "a" * MAX_BODY + "' }}",
    ],
    ids=["brackets", "nots", "ifs", "filters", "ors", "long"],
)
def test_a_message_that_would_exhaust_the_reader_is_refused_quickly(body: str) -> None:
    began = time.perf_counter()
    assert read(body).problems
    assert time.perf_counter() - began < 2


def test_several_problems_are_all_found_in_the_order_of_the_text() -> None:
    problems = read("{{ foo }}\n{{ client.name | nope }} {{ 2 + 2 }}").problems
    assert [(problem.line, problem.column) for problem in problems] == [(1, 4), (2, 4), (2, 29)]


@given(st.text(alphabet="{}%#|.()[]'\"~ \n\\abifclient0", max_size=60))
def test_no_text_makes_reading_fail(body: str) -> None:
    """Whatever is typed, there is an answer: problems, or a template that compiles."""
    if not read(body).problems:
        render.compile(body)


@given(st.text(max_size=200))
def test_text_without_braces_is_itself(text: str) -> None:
    plain = text.replace("{", "").replace("}", "")
    sent = "".join(
        char
        for char in plain.replace("\r\n", "\n").replace("\r", "\n")
        if char == "\n" or char.isprintable() or ord(char) > 0x9F
    )
    assert render.compile(plain.replace("\t", "")).render(render.Recipient()) == sent.strip()


@given(st.text(min_size=1, max_size=30).filter(lambda name: name.strip() and name.isprintable()))
def test_a_group_of_any_name_can_be_written_in_a_tag(name: str) -> None:
    """Also with quotes, backslashes and braces in it."""
    tags = read(f"{{{{ client.promocode({literal(name)}) }}}}").tags
    assert [tag.name for tag in tags] == [name.strip()]


def test_a_tag_in_an_if_that_asks_for_it_is_no_hole() -> None:
    city = "{% if client.attributes.city %}in {{ client.attributes.city }}{% endif %}"
    body = f"{{{{ client.name }}}} {city} {{{{ client.phone|d('-') }}}}"
    assert [tag.written for tag in read(body).holes] == ["client.name"]


def test_another_group_takes_the_place_of_the_old_one_in_tags_only() -> None:
    body = (
        "Summer: {{ client.promocode('summer ') }} {{ client.last_promocode(\"Summer\")|qr }} "
        "{{ client.promocode('Other') }}"
    )
    assert regrouped(body, "summer", "Bob's 5%") == (
        'Summer: {{ client.promocode("Bob\'s 5%") }} {{ client.last_promocode("Bob\'s 5%")|qr }} '
        "{{ client.promocode('Other') }}"
    )
