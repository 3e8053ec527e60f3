"""`promobot check --gateway-log`: what a gateway says it took is held against what is written down."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from distribution.check import check
from distribution.errors import Refused
from distribution.runtime import Runtime
from tests.gateway import Gateway, line_of, serving
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, start, status, until

Texts = list[dict[str, Any]]


def sent(runtime: Runtime, body: str = "Your code: {{ client.promocode('Summer 10%') }}.") -> Texts:
    """What the gateway took of a distribution to three customers, the first message first."""

    async def scenario() -> Texts:
        async with serving(Gateway()) as gateway:
            make_group(runtime, "Summer 10%", 5)
            provider = make_provider(runtime, gateway.url)
            distribution = make_distribution(runtime, provider, make_customers(runtime, 3), body=body)
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            # Texts go out beside each other: the second may be taken before the first.
            return sorted(gateway.accepted, key=lambda text: str(text["reference"]))

    return asyncio.run(scenario())


def found(runtime: Runtime, texts: Texts) -> list[str]:
    return check(runtime.db, runtime.links, [line_of(text) for text in texts])


def test_a_log_that_agrees_says_nothing(runtime: Runtime) -> None:
    texts = sent(runtime)
    assert found(runtime, texts) == []
    assert found(runtime, [text | {"reference": None} for text in texts]) == []  # known by number and code
    assert found(runtime, [*texts, texts[0] | {"reference": "test-1"}]) == []


def test_a_link_to_a_code_counts_as_the_code(runtime: Runtime) -> None:
    assert found(runtime, sent(runtime, "Yours: {{ client.promocode('Summer 10%') | qr }}")) == []


def swapped(texts: Texts) -> Texts:
    return [texts[0] | {"body": texts[1]["body"]}, *texts[1:]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda texts: [*texts, texts[0]], "a message was texted twice: 1"),
        (lambda texts: [*texts, texts[0] | {"reference": "99-1"}], "a message was texted twice: 1"),
        (lambda texts: [*texts, texts[0]], "an attempt was made twice: 1-1"),
        (lambda texts: [*texts, texts[0] | {"reference": "1-99"}], "a text is of no message of ours: line 4"),
        (lambda texts: [texts[0] | {"to": "+48600999999"}, *texts[1:]], "a text went to another number than its"),
        (lambda texts: texts[1:], "a message counts as sent, and the gateway never had it: 1"),
        (swapped, "a text carries a promo code that is not its customer's: line 1"),
        (swapped, "a promo code was issued with a text that does not carry it: line 1"),
        (lambda texts: [*texts, texts[0] | {"reference": "reply-7"}], "an answer left that counts as not sent: line 4"),
    ],
)
def test_a_log_that_does_not_agree_says_what_and_where(
    runtime: Runtime, change: Callable[[Texts], Texts], says: str
) -> None:
    assert [line for line in found(runtime, change(sent(runtime))) if line.startswith(says)]


@pytest.mark.parametrize("line", ["{", "[]", json.dumps({"to": "+48600100001"})])
def test_a_line_that_is_no_text_is_named(runtime: Runtime, line: str) -> None:
    good = json.dumps({"to": "+48600100001", "body": "Hi", "reference": "1-1"})
    with pytest.raises(Refused, match="Line 2 of the gateway's log is not a text"):
        check(runtime.db, runtime.links, [good, line])
