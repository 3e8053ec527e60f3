"""Groups as blocks: within Slack's limits whatever they hold, and saying what they should."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from commands.groups import forms, inputs, views
from commands.groups.place import Place, Typed, Value, end_of, last_day
from commands.ui import paging
from commands.ui.blocks import as_dicts
from distribution.codes.dearer import dearer
from distribution.codes.listing import GroupLine
from distribution.codes.lots import Added
from distribution.codes.recipe import Recipe
from distribution.codes.uses import Use
from distribution.errors import Refused
from distribution.files import read_table
from sandbox.limits import check_message, check_view

WIDE = "<&*_~`>" * 8 + "名前"  # 58 characters, most of which grow when escaped
LONG = "\n".join(f"{'x' * 20}{{string('a-Z0-9', 40)}}{number}" for number in range(20))
FULL = Typed(
    name=WIDE,
    formats=LONG,
    shares=", ".join(["1000000"] * 20),
    prefix="<&*_~`>" * 9,
    suffix="s" * 64,
    lookalikes="out",
    count="5000000",
    codes="c" * 3000,
    low_stock="10000000",
    expires="2100-12-31",
    validity="3650",
    top_up="1000000",
    top_up_ceiling="1000000000",
)


def line(number: int = 1, **given: Any) -> GroupLine:
    facts: dict[str, Any] = {
        "id": number,
        "name": WIDE,
        "recipe": Recipe(tuple(LONG.splitlines()), tuple(range(1, 21)), without_lookalikes=True),
        "low_stock_level": 10_000_000,
        "expires_at": datetime(2100, 1, 1, tzinfo=UTC),
        "validity_days": 3650,
        "top_up": 1_000_000,
        "top_up_ceiling": 1_000_000_000,
        **dict.fromkeys(("total", "active", "blocked", "issued", "revoked", "expired", "redeemed"), 9_999_999),
    }
    return GroupLine(**{**facts, **given})


def shown(number: int = 1, **given: Any) -> views.Shown:
    return views.Shown(line(number, **given), date(2100, 1, 1), date(2026, 6, 15))


def problems(view: dict[str, Any]) -> list[str]:
    return [f"{problem.path} {problem.message}" for problem in check_view(view) if problem.is_error]


def detail() -> views.Detail:
    lots = [views.Lot(n, "generate", "U0MAYA", datetime(2026, 1, 1, tzinfo=UTC), 10**6, 10**6, 10**6) for n in range(5)]
    return views.Detail(shown(), lots, [Use(n, WIDE * 5, "sending") for n in range(50)], may_edit=True)


def test_a_full_list_stays_within_slacks_limits() -> None:
    page = paging.page_of([shown(number) for number in range(1, 35)], 10)
    text, blocks = views.listing(page, "w" * 300, may_edit=True, note=WIDE)
    assert check_message({"channel": "C1", "text": text, "blocks": as_dicts(blocks)}) == []


@pytest.mark.parametrize(
    "view",
    [
        forms.create_form(Place(list_url="https://hooks.example/" + "x" * 200, more=True), FULL),
        forms.create_form(
            Place().keeping(FULL), Typed(method="paste", codes="c" * 3000), forms.Wrong("codes", "w" * 4000)
        ),
        forms.create_form(Place(), Typed(method="file"), forms.Wrong("file", "w" * 4000)),
        forms.add_form(Place(3).keeping(FULL), WIDE, LONG.splitlines(), FULL),
        forms.edit_form(Place(3), FULL, "x" * 3000),
        forms.edit_form(
            Place(3, "u" * 300, words="w" * 80).keeping(Typed(formats='"\\' * 899, codes="\0" * 299)), FULL
        ),
        forms.column_form(
            Place(3),
            "Add codes",
            read_table((",".join(["h" * 300] * 150) + "\n").encode() * 2, "f" * 300),
            Typed(column="120", expiry="7", dates="mdy"),
            forms.Wrong("expiry", "w" * 4000),
        ),
        views.detail_view(Place(3, words="w" * 80), detail(), WIDE),
        views.delete_view(Place(3), line(), None, [Use(n, WIDE * 5, "draft") for n in range(50)]),
        views.delete_view(Place(3), line(), "no " * 2000, []),
        views.result_view(
            Place(3),
            "Add codes",
            views.result(
                Added(3, WIDE, 1, 10**6, 10**6, 10**5, 10**6, note="n" * 500),
                WIDE,
                10**6,
                [(10**7, WIDE * 4, WIDE * 4)] * 5,
                created=False,
            ),
        ),
    ],
)
def test_every_modal_stays_within_slacks_limits(view: dict[str, Any]) -> None:
    assert problems(view) == []


def test_a_view_with_a_note_twice_has_it_once() -> None:
    view = {**views.detail_view(Place(3), detail()), "id": "V1", "hash": "1", "state": {}}
    noted = views.with_note({**view, **views.with_note(view, "Sent.")}, "Sent again.")
    texts = [block.get("text", {}).get("text") for block in noted["blocks"]]
    assert texts.count("Sent again.") == 1 and "Sent." not in texts
    assert problems(noted) == []


def test_a_row_says_where_the_codes_stand() -> None:
    page = paging.page_of(
        [shown(name="Summer 10%", total=1000, active=300, blocked=0, issued=700, redeemed=212, expired=0)], 0
    )
    _, blocks = views.listing(page, "", may_edit=False)
    texts = [block.to_dict().get("text", {}).get("text") for block in blocks]
    assert texts[2] == (
        "*Summer 10%*  ⚠ low\n*300* active of 1,000 · 0 blocked · 700 issued · 212 redeemed · expires 1 Jan 2100"
    )


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (None, "does not expire"),
        (date(2026, 8, 31), "expires 31 Aug"),
        (date(2026, 6, 15), "expires 15 Jun"),
        (date(2026, 6, 14), "expired 14 Jun"),
        (date(2027, 1, 2), "expires 2 Jan 2027"),
    ],
)
def test_the_last_day_is_said_as_its_reader_would(last: date | None, says: str) -> None:
    assert views.expiry(views.Shown(line(), last, date(2026, 6, 15))) == says


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "UTC", "America/Los_Angeles", "Europe/Warsaw"])
def test_a_last_day_ends_at_its_readers_midnight_and_reads_back_as_that_day(zone: str) -> None:
    """31 March 2030 is the day on which Warsaw's clocks change."""
    ends = end_of("2030-03-31", zone)
    assert ends is not None and (ends.hour, ends.day) == (0, 1)
    assert last_day(ends, zone) == date(2030, 3, 31)
    assert end_of("", zone) is None and last_day(None, zone) is None


@pytest.mark.parametrize("value", [Value(3), Value(3, 10), Value(3, 10, "summer 10%"), Value(3, 0, "a b  c")])
def test_a_buttons_value_reads_as_it_was_written(value: Value) -> None:
    assert Value.read(str(value)) == value


def test_another_surfaces_value_is_the_groups_id() -> None:
    assert Value.read("17") == Value(17) and Value.read("") == Value(0)


def test_what_a_form_does_not_show_is_kept_and_what_it_shows_counts() -> None:
    place = Place(3).keeping(Typed(name="Old", formats="A{string('0-9', 4)}", codes="c" * 3000))
    view = {
        "private_metadata": place.dump(),
        "state": {
            "values": {
                "groups.form:name": {"groups.name": {"type": "plain_text_input", "value": None}},
                "groups.form:file": {"groups.file": {"type": "file_input", "files": [{"id": "F1"}]}},
            }
        },
    }
    assert Typed.read(view) == Typed(name="", formats="A{string('0-9', 4)}", files=("F1",))


@pytest.mark.parametrize(
    ("method", "field", "block"),
    [
        ("generate", "formats", "groups.form:formats"),
        ("generate", "count", "groups.form:count"),
        ("paste", "codes", "groups.form:codes"),
        ("paste", "formats", "groups.form:expires"),
        ("file", "file", "groups.form:file"),
        ("file", None, "groups.form:expires"),
    ],
)
def test_a_refusal_goes_to_its_input_or_else_the_last_one(method: str, field: str | None, block: str) -> None:
    view = forms.create_form(Place(), Typed(method=method))
    assert forms.errors(view, Refused("No.", field=field)) == {block: "No."}


@pytest.mark.parametrize(
    ("codes", "named"),
    [("SUMMER-1\nLATO-2", ""), ("żółć-1\nLATO\nżaba", "ż, ó, ł, ć"), ("ŻÓŁĆĘŚĄŹŃ", "Ż, Ó, Ł, Ć, Ę …")],
)
def test_codes_that_make_texts_unicode_are_warned_of_before_they_are_sent(codes: str, named: str) -> None:
    """GSM 03.38 has no letter of these, though it has an Ö."""
    said = dearer(codes.splitlines())
    assert said == (
        f"No plain SMS has {named}: a text with such a code is Unicode, 70 characters to a segment instead of 160."
        if named
        else ""
    )
    shown = inputs.live_example(Typed(formats=f"{codes.splitlines()[0]}{{string('0-9', 4)}}"))
    assert ("Unicode" in shown) is bool(named)
    table = read_table(f"n;code\n1;{codes.splitlines()[0]}\n".encode(), "codes.csv")
    drawn = str(forms.column_form(Place(), "Add codes", table, Typed(column="1")))
    assert ("Unicode" in drawn) is bool(named)
