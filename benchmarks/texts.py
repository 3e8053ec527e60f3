"""Writing a text for one customer and counting its SMS segments: each for every recipient of every distribution."""

from collections.abc import Callable

from benchmarks import others
from benchmarks.figure import Figure, alternating
from distribution.sms import segments_of
from distribution.templates import render

TIMES = 20_000
ROUNDS = 15

BODY = (
    "Hi {{ client.first_name | default('there') }} from {{ client.attributes.city }}, your 10% code: "
    "{{ client.promocode('Summer 10%') }}. Reply STOP to opt out."
)
FORM = "Hi {first_name} from {city}, your 10% code: {code}. Reply STOP to opt out."
CODE = "SUMMER-4821kQwPzTbaLm"


def run() -> list[Figure]:
    """Both figures; some seconds."""
    template = render.compile(BODY)
    someone = render.Recipient(
        "Anna Kowalska", "+48601234567", {"city": "Warsaw"}, {"summer 10%": render.CodeText(CODE)}
    )
    row = {"first_name": "Anna", "city": "Warsaw", "code": CODE}
    text = template.render(someone)
    assert text == FORM.format(**row)
    rendering, formatting = _each(lambda: template.render(someone), lambda: FORM.format(**row))
    figures = [Figure("render a text", 1 / rendering, "texts/s", "str.format", 1 / formatting)]
    smsutil = others.smsutil()
    if smsutil is not None:
        counting, theirs = _each(lambda: segments_of(text), lambda: len(smsutil.split(text).parts))
        assert segments_of(text) == len(smsutil.split(text).parts) == 1
        figures.append(Figure("count a text's segments", 1 / counting, "texts/s", "PyPI's smsutil", 1 / theirs))
    return figures


def _each(ours: Callable[[], object], theirs: Callable[[], object]) -> list[float]:
    """The median seconds of one call of each, in turns."""

    def many(work: Callable[[], object]) -> Callable[[], None]:
        def repeated() -> None:
            for _ in range(TIMES):
                work()

        return repeated

    return [taken / TIMES for taken in alternating([many(ours), many(theirs)], ROUNDS)]
