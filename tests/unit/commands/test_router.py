"""What somebody typed after /promo, taken apart."""

import pytest

from commands.promo.router import read, unquote
from commands.verbs import Verb

VERBS = [Verb(name, "", "", lambda ask: None) for name in ("send", "groups", "customers", "segments", "help", "team")]


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("send", "send", ""),
        ("  SEND   vip   customers ", "send", "vip customers"),
        ("send “VIP customers”", "send", "VIP customers"),
        ("Group 'Summer 10%'", "groups", "Summer 10%"),
        ("“groups”", "groups", ""),
        ("/help", "help", ""),
        ("?", "help", ""),
        ("customers O'Connor", "customers", "O'Connor"),
    ],
)
def test_case_spaces_quotes_and_the_singular_do_not_count(text: str, verb: str, words: str) -> None:
    typed = read(text, VERBS)
    assert typed.verb is not None
    assert (typed.verb.name, typed.words) == (verb, words)


@pytest.mark.parametrize("text", ["", "   ", "home"])
def test_nothing_is_the_home_summary(text: str) -> None:
    typed = read(text, VERBS)
    assert typed.verb is None and typed.word == ""


@pytest.mark.parametrize(
    ("text", "suggestion"), [("grops", "groups"), ("custmers anna", "customers"), ("sned", "send"), ("qqqqqqqq", None)]
)
def test_a_word_that_is_none_gets_the_nearest(text: str, suggestion: str | None) -> None:
    typed = read(text, VERBS)
    assert typed.verb is None
    assert typed.suggestion == suggestion


def test_quotes_are_only_taken_off_in_pairs() -> None:
    assert unquote("'a' and 'b") == "'a' and 'b"
    assert unquote('"') == '"'
