"""Making codes: as many as asked, all new, in an order nobody can foresee, and never for ever."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from distribution.codes import rules
from distribution.codes.format import Format, parse_all
from distribution.codes.generate import check_room, generate, generate_into, split
from distribution.codes.groups import create
from distribution.codes.intake import add
from distribution.codes.recipe import Recipe
from distribution.errors import Refused
from distribution.jobs import LEASE
from distribution.runtime import Runtime
from storage.tables import CodeState, Job, PromoCode, PromoCodeGroup, PromoCodeStock
from tests.conftest import NOON, run_jobs

BY = {"by": "U0MAYA", "now": NOON}


def group(runtime: Runtime, formats: str, name: str = "Summer 10%") -> int:
    with runtime.db.write() as session:
        return create(session, name, formats=parse_all(formats), **BY).id


def codes(runtime: Runtime, group_id: int) -> list[str]:
    """A group's codes in the order in which they would be handed out."""
    with runtime.db.read() as session:
        return list(
            session.scalars(select(PromoCode.code).where(PromoCode.group_id == group_id).order_by(PromoCode.id))
        )


def stock(runtime: Runtime, group_id: int) -> tuple[int, int]:
    with runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, group_id)
        return row.total, row.active


def test_as_many_codes_as_asked_and_each_fits_the_format(runtime: Runtime) -> None:
    group_id = group(runtime, "SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
    with runtime.db.write() as session:
        added = generate_into(session, group_id, 1000, **BY)
    form = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
    made = codes(runtime, group_id)
    assert len(set(made)) == len(made) == added.inserted == 1000
    assert all(form.matches(code) for code in made)
    assert stock(runtime, group_id) == (1000, 1000)


def test_codes_are_not_handed_out_in_sorted_order(runtime: Runtime) -> None:
    """Sorted neighbours of a short format could be guessed from one's own code."""
    group_id = group(runtime, "{string('0-9', 4)}")
    with runtime.db.write() as session:
        generate_into(session, group_id, 1000, **BY)
    made = codes(runtime, group_id)
    rising = sum(first < second for first, second in pairwise(made))
    assert 400 < rising < 600


def test_several_formats_share_evenly_and_a_small_one_gives_what_it_has(runtime: Runtime) -> None:
    group_id = group(runtime, "A{string('0-9', 12)}\nB{string('0-9', 12)}\nC{string('0-9', 1)}")
    with runtime.db.write() as session:
        generate_into(session, group_id, 1000, **BY)
    made = codes(runtime, group_id)
    assert [sum(code[0] == first for code in made) for first in "ABC"] == [495, 495, 10]
    halves = [sum(code[0] == "A" for code in half) for half in (made[:500], made[500:])]
    assert all(150 < part < 350 for part in halves), "mixed, not one format after the other"


def test_shares_say_how_many_of_each_format_look_alikes_stay_out_and_text_stands_around(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        given = {"shares": [3, 1], "prefix": "{X}-", "suffix": "\\", "without_lookalikes": True}
        formats = parse_all("A{string('0-9', 6)}\nB{string('a-Z', 6)}")
        group_id = create(session, "Shared", formats=formats, **BY, **given).id  # type: ignore[arg-type]
        generate_into(session, group_id, 1000, **BY)
    made = codes(runtime, group_id)
    parts = [sum(code.startswith(start) for code in made) for start in ("{X}-A", "{X}-B")]
    assert sum(parts) == 1000 and abs(parts[0] - 750) <= 3, "one that was drawn twice is made up for by either"
    assert all(code.endswith("\\") and not set(code[5:-1]) & set("0Oo1Il") for code in made)


@pytest.mark.parametrize(
    ("shares", "count", "says"),
    [
        (
            [9, 1],
            100,
            "A{string('0-9', 1)} without look-alikes has room for 8 codes; its share of 100 is 9 of 10, which is 90, "
            "82 too many. Make the format longer, or change the shares.",
        ),
        (
            [],
            1000,
            "The 2 formats together without look-alikes have room for 72 codes; 1,000 were asked, 928 too many. "
            "Make the format longer, or ask for 72.",
        ),
    ],
)
def test_the_arithmetic_knows_of_shares_and_look_alikes(
    runtime: Runtime, shares: list[int], count: int, says: str
) -> None:
    with runtime.db.write() as session:
        formats = parse_all("A{string('0-9', 1)}\nB{string('0-9', 2)}")
        group_id = create(session, "Shared", formats=formats, shares=shares, without_lookalikes=True, **BY).id
    with pytest.raises(Refused) as refusal, runtime.db.write() as session:
        generate_into(session, group_id, count, **BY)
    assert str(refusal.value) == says and refusal.value.field == "count"


def test_a_recipe_of_its_own_leaves_the_groups_alone(runtime: Runtime) -> None:
    group_id = group(runtime, "A{string('0-9', 9)}")
    with runtime.db.write() as session:
        generate(runtime.jobs, session, group_id, 5, recipe=Recipe(("B{string('0-9', 9)}",)), **BY)
        generate(runtime.jobs, session, group_id, 5, **BY)
    assert [code[0] for code in sorted(codes(runtime, group_id))] == ["A"] * 5 + ["B"] * 5


def test_a_format_gives_its_very_last_code(runtime: Runtime) -> None:
    """Drawing at random would take ten times as many draws for the last few of 10,000."""
    group_id = group(runtime, "{string('0-9', 4)}")
    with runtime.db.write() as session:
        add(session, group_id, ["0000", "0007", "12345", "007"], **BY)
        added = generate_into(session, group_id, 9_998, **BY)
    assert added.inserted == 9_998 and added.note is None
    assert {f"{number:04}" for number in range(10_000)} <= set(codes(runtime, group_id))


def test_a_format_without_room_is_refused_with_the_arithmetic(runtime: Runtime) -> None:
    group_id = group(runtime, "VIP{string('0-9', 2)}")
    with runtime.db.write() as session:
        add(session, group_id, ["VIP00", "VIP01", "VIP999", "vip02"], **BY)
    with pytest.raises(Refused) as refusal, runtime.db.write() as session:
        generate_into(session, group_id, 1000, **BY)
    assert str(refusal.value) == (
        "VIP{string('0-9', 2)} has room for 10^2 = 100 codes, of which 2 exist; 1,000 were asked, 902 too many. "
        "Make the format longer, or ask for 98."
    )
    assert refusal.value.field == "count"
    assert stock(runtime, group_id) == (4, 4)


def test_room_already_taken_is_found_whatever_the_literals_hold(runtime: Runtime) -> None:
    """The databases' own patterns have magic characters of their own: * ? [ ] on SQLite, . ( ^ $ on PostgreSQL."""
    group_id = group(runtime, "")
    literal = "*?[a]-.(^$|+_%'\"é"
    form = Format.parse(literal + "{string('0-1', 1)}")
    with runtime.db.write() as session:
        add(session, group_id, [literal + "0", "xyz" + literal[3:] + "1", literal + "2", literal + "11"], **BY)
        assert check_room(session, Recipe((form.text,)), 1) == [1]


@pytest.mark.parametrize("count", [0, -1, rules.GENERATE_MAX + 1])
def test_a_count_that_makes_no_sense_is_refused(runtime: Runtime, count: int) -> None:
    group_id = group(runtime, "{string('a-Z', 20)}")
    with pytest.raises(Refused, match="Ask for 1 to 5,000,000 codes"), runtime.db.write() as session:
        generate_into(session, group_id, count, **BY)


def test_a_group_without_a_format_says_so(runtime: Runtime) -> None:
    group_id = group(runtime, "")
    with pytest.raises(Refused, match="'Summer 10%' has no format"), runtime.db.write() as session:
        generate_into(session, group_id, 5, **BY)


def test_codes_of_another_group_are_not_made_again(runtime: Runtime) -> None:
    first, second = group(runtime, "{string('0-9', 3)}"), group(runtime, "{string('0-9', 3)}", "School")
    with runtime.db.write() as session:
        generate_into(session, first, 400, **BY)
        generate_into(session, second, 600, **BY)
    assert len({*codes(runtime, first), *codes(runtime, second)}) == 1000


def test_collisions_are_made_up_for(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty percent of a format that is not listed: a good part of every draw exists already."""
    monkeypatch.setattr("distribution.codes.generate.LISTED_MAX", 0)
    group_id = group(runtime, "{string('0-9', 3)}")
    with runtime.db.write() as session:
        generate_into(session, group_id, 400, **BY)
        generate_into(session, group_id, 400, **BY)
    assert stock(runtime, group_id) == (800, 800)


def test_generation_that_cannot_finish_stops_and_says_so(runtime: Runtime) -> None:
    """Two formats that make the same codes have less room than the sum says."""
    group_id = group(runtime, "{string('0-9', 2)}\n{string('0-4', 1)}{string('0-9', 1)}")
    with runtime.db.write() as session:
        added = generate_into(session, group_id, 150, **BY)
    assert added.inserted == 100
    assert added.note is not None and added.note.startswith("50 of 150 could not be made")
    assert stock(runtime, group_id) == (100, 100)


def test_many_codes_are_a_job(runtime: Runtime) -> None:
    group_id = group(runtime, "{string('a-Z', 12)}")
    with runtime.db.write() as session:
        added = generate(runtime.jobs, session, group_id, 120_000, channel="C1", **BY)
    assert added.job_id is not None and stock(runtime, group_id) == (0, 0)
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, added.job_id)
        assert (job.state, job.done, job.total, job.result["inserted"]) == ("done", 120_000, 120_000, 120_000)
        lots = session.scalar(select(func.count(func.distinct(PromoCode.lot_id))))
    assert stock(runtime, group_id) == (120_000, 120_000) and lots == 1


def test_room_that_must_be_looked_for_among_many_codes_is_the_jobs_to_find(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener has a second; the words are the same in the end."""
    monkeypatch.setattr("distribution.codes.generate.LOOKED_THROUGH_MAX", 50)
    group_id = group(runtime, "{string('0-9', 2)}")
    with runtime.db.write() as session:
        assert generate(runtime.jobs, session, group_id, 60, **BY).job_id is None
        add(session, group_id, [f"other{number}" for number in range(20)], **BY)
        fits = generate(runtime.jobs, session, group_id, 30, **BY)
        too_many = generate(runtime.jobs, session, group_id, 21, **BY)
        with pytest.raises(Refused, match="101 were asked, 1 too many"):
            generate(runtime.jobs, session, group_id, 101, **BY)
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert session.get_one(Job, fits.job_id).result["inserted"] == 30
        failed = session.get_one(Job, too_many.job_id)
        assert failed.state == "failed"
        assert (failed.error or "").endswith(
            "of which 90 exist; 21 were asked, 11 too many. Make the format longer, or ask for 10."
        )


def test_a_job_that_was_killed_goes_on_where_it_was(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    group_id = group(runtime, "{string('a-Z', 12)}")
    with runtime.db.write() as session:
        job_id = generate(runtime.jobs, session, group_id, 120_000, **BY).job_id
    _die_in_chunk(monkeypatch, 2)
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    assert stock(runtime, group_id) == (50_000, 50_000)
    monkeypatch.undo()
    runtime.clock.advance(LEASE + timedelta(seconds=1))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert session.get_one(Job, job_id).state == "done"
    assert stock(runtime, group_id) == (120_000, 120_000)


def test_a_group_deleted_meanwhile_gets_no_more_codes(runtime: Runtime) -> None:
    group_id = group(runtime, "{string('a-Z', 12)}")
    with runtime.db.write() as session:
        job_id = generate(runtime.jobs, session, group_id, 120_000, **BY).job_id
        session.get_one(PromoCodeGroup, group_id).deleted_at = NOON
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, job_id)
        assert job.state == "failed" and "was deleted" in (job.error or "")
        assert session.scalar(select(func.count()).where(PromoCode.state == CodeState.ACTIVE)) == 0


@given(st.integers(0, 1000), st.lists(st.integers(0, 500), min_size=1, max_size=6))
def test_a_split_is_whole_within_the_room_and_as_even_as_it_can_be(count: int, room: list[int]) -> None:
    parts = split(count, room)
    assert sum(parts) == min(count, sum(room))
    assert all(0 <= part <= most for part, most in zip(parts, room, strict=True))
    bounded = [part for part, most in zip(parts, room, strict=True) if part < most]
    assert not bounded or max(parts) - min(bounded) <= 1


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the job catches it."""


def _die_in_chunk(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Die at the end of a chunk, after its work and before its commit."""
    from storage import jobs

    kept, calls = jobs.keep, iter(range(1, 1000))

    def keep(*args: object, **kwargs: object) -> bool:
        if next(calls) == chunk:
            raise Killed
        return kept(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("distribution.jobs.rows.keep", keep)
