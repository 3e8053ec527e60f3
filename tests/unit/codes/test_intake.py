"""Codes that were made elsewhere: taken in once, the rest named line by line."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from distribution.codes import intake, rules
from distribution.codes.groups import create, delete
from distribution.codes.rules import problem
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import groups
from storage.tables import PromoCode, PromoCodeLot, PromoCodeStock
from tests.conftest import NOON
from tests.unit.codes.stocked import BY, group, stored


def test_each_line_is_inserted_duplicated_or_discarded_and_says_why(runtime: Runtime) -> None:
    first, second = group(runtime, "School 30%"), group(runtime)
    gone = group(runtime, "Gone")
    with runtime.db.write() as session:
        intake.add(session, first, ["OLD1"], **BY)
        intake.add(session, second, ["MINE1"], **BY)
        intake.add(session, gone, ["BACK1"], **BY)
        session.execute(PromoCode.__table__.update().where(PromoCode.code == "BACK1").values(state=2, customer_id=7))
        session.execute(
            PromoCodeStock.__table__.update().where(PromoCodeStock.group_id == gone).values(active=0, issued=1)
        )
        delete(runtime.jobs, session, gone, **BY)
        added = intake.add(
            session,
            second,
            [
                "NEW1",
                "",
                " NEW2\r",
                "NEW1",
                "OLD1",
                "MINE1",
                "BACK1",
                "A B",
                "A,B",
                "A\u200bB",
                "x" * 65,
                "new1",
                "é\\n",
            ],
            **BY,
        )
        assert list(groups.leftovers(session, added.lot_id)) == [
            (4, "NEW1", "repeats line 1"),
            (5, "OLD1", "already in 'School 30%'"),
            (6, "MINE1", "already in 'Summer 10%'"),
            (7, "BACK1", "already in the deleted group 'Gone'"),
            (8, "A B", "a space inside"),
            (9, "A,B", "a comma or semicolon inside; one code goes on each line"),
            (10, "A\u200bB", "an invisible character inside"),
            (11, "x" * 65, "65 characters; a code has up to 64"),
        ]
        assert "".join(intake.leftovers_csv(session, added.lot_id)).splitlines()[:2] == [
            "line,code,reason",
            "4,NEW1,repeats line 1",
        ]
    assert (added.inserted, added.duplicated, added.discarded) == (4, 4, 4)
    assert stored(runtime) == sorted(["OLD1", "MINE1", "BACK1", "NEW1", "NEW2", "new1", "é\\n"])


@pytest.mark.parametrize("code", ["\x00", "A\x00B", "\ud800", "A\tB", "\u202eA"])
def test_a_line_that_no_database_could_store_is_kept_as_a_leftover_all_the_same(runtime: Runtime, code: str) -> None:
    with runtime.db.write() as session:
        added = intake.add(session, create(session, "Summer", **BY).id, ["OK1", code, "y" * 100_000], **BY)
    with runtime.db.read() as session:
        kept = list(groups.leftovers(session, added.lot_id))
    assert (added.inserted, added.discarded) == (1, 2)
    assert [line for line, _, _ in kept] == [2, 3] and len(kept[1][1]) == 200


def test_codes_that_another_process_stores_at_the_same_moment_are_duplicates(runtime: Runtime) -> None:
    """Two people paste the same codes: on PostgreSQL the second COPY waits for the first, and then looks again."""
    first, second = group(runtime, "A"), group(runtime, "B")
    codes = [f"SAME{number}" for number in range(50)]
    added: dict[int, intake.Added] = {}
    ready = threading.Barrier(2)

    def paste(group_id: int) -> None:
        ready.wait()
        with runtime.db.write() as session:
            added[group_id] = intake.add(session, group_id, codes, **BY)

    threads = [threading.Thread(target=paste, args=(group_id,)) for group_id in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted((one.inserted, one.duplicated) for one in added.values()) == [(0, 50), (50, 0)]
    assert len(stored(runtime)) == 50


def test_what_the_insert_finds_stored_already_is_left_out_alone(runtime: Runtime) -> None:
    """Nobody looks before: COPY stops at the code, and the rest is copied."""
    first, second = group(runtime, "A"), group(runtime, "B")
    with runtime.db.write() as session:
        intake.add(session, first, ["X2"], **BY)
    with runtime.db.write() as session:
        added = intake.add(session, second, ["X1", "X2", "X3"], **BY)
        assert list(groups.leftovers(session, added.lot_id)) == [(2, "X2", "already in 'A'")]
    assert (added.inserted, added.duplicated) == (2, 1)


def test_each_code_that_existed_is_told_by_its_line_wherever_it_stands_in_a_chunk(runtime: Runtime) -> None:
    """Alone, at the ends, and a whole block of ids in a row; with a quote and a backslash among them."""
    codes = [f"C{number:04}" for number in range(130)] + ['Q"1"Q', "B\\1"]
    there = sorted({*codes[:1], *codes[40:110], *codes[-3:]})
    first, second = group(runtime, "A"), group(runtime, "B")
    with runtime.db.write() as session:
        intake.add(session, first, there, **BY)
        added = intake.add(session, second, [*codes, codes[5], "A B"], **BY)
        left = list(groups.leftovers(session, added.lot_id))
    expected = [(number, code, "already in 'A'") for number, code in enumerate(codes, 1) if code in there]
    assert left == [*expected, (133, "C0005", "repeats line 6"), (134, "A B", "a space inside")]
    assert (added.inserted, added.duplicated, added.repeated) == (len(codes) - len(there), len(there) + 1, 1)
    assert stored(runtime) == sorted(codes)


def test_a_code_of_an_earlier_chunk_is_told_from_those_just_stored(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have the same lot."""
    monkeypatch.setattr(intake, "CHUNK", 3)
    group_id = group(runtime, "A")
    with runtime.db.write() as session:
        added = intake.add(session, group_id, ["A1", "A2", "A3", "A4", "A2", "A5"], **BY)
        assert list(groups.leftovers(session, added.lot_id)) == [(5, "A2", "comes earlier in the same file")]
    assert (added.inserted, added.duplicated) == (5, 1)
    assert stored(runtime) == ["A1", "A2", "A3", "A4", "A5"]


def test_codes_are_not_handed_out_in_sorted_order(runtime: Runtime) -> None:
    group_id = group(runtime, "A")
    with runtime.db.write() as session:
        intake.add(session, group_id, [f"C{number:05}" for number in range(2_000)], **BY)
        handed_out = list(session.scalars(select(PromoCode.code).order_by(PromoCode.id)))
    assert sorted(handed_out) == [f"C{number:05}" for number in range(2_000)]
    neighbours = sum(int(after[1:]) == int(before[1:]) + 1 for before, after in pairwise(handed_out))
    assert neighbours < 20


@pytest.mark.parametrize(
    ("codes", "plain"),
    [
        (["A1", "!~", "x" * 64], True),
        ([], False),
        (["A1", ""], False),
        (["A1", "x" * 65], False),
        (["A1", "B 2"], False),
        (["A1", "B,2"], False),
        (["A1", "B;2"], False),
        (["A1\nB2"], False),
        (["A1", "é"], False),
        (["A1", "\x7f"], False),
    ],
)
def test_many_codes_at_once_are_plain_only_where_each_of_them_is(codes: list[str], plain: bool) -> None:
    assert rules.all_plain(codes) is plain
    if plain:
        assert not any(map(rules.problem, codes))


def test_the_api_hears_what_became_of_each_code(runtime: Runtime) -> None:
    first, second = group(runtime, "A"), group(runtime, "B")
    later = NOON + timedelta(days=1)
    with runtime.db.write() as session:
        intake.add(session, first, ["X1"], **BY)
        taken = intake.add_codes(
            session, second, ["N1", ("N2", later), "X1", "N1", "A B", "", ("N3", NOON)], method="api", **BY
        )
        assert session.get_one(PromoCodeLot, taken.lot_id).method == "api"
    assert (taken.inserted, taken.duplicated, taken.repeated, taken.discarded) == (2, 2, 1, 3)
    assert [(each.code, each.status, each.reason) for each in taken.results] == [
        ("N1", "inserted", None),
        ("N2", "inserted", None),
        ("X1", "duplicated", "already in 'A'"),
        ("N1", "duplicated", "repeats line 1"),
        ("A B", "discarded", "a space inside"),
        ("", "discarded", "an empty code"),
        ("N3", "discarded", "expired on 15 Jun 2026 already"),
    ]
    with runtime.db.read() as session:
        found = {code.code: code.expires_at for code in session.scalars(select(PromoCode))}
    assert found == {"X1": None, "N1": None, "N2": later}
    with pytest.raises(Refused, match="send up to 10,000"), runtime.db.write() as session:
        intake.add_codes(session, second, ["X"] * 10_001, method="api", **BY)


@pytest.mark.parametrize("code", ["A", "x" * 64, "Ü-10%!", "\"q'", "ЛЕТО", "夏10", "a\\b", "-", "~"])
def test_visible_characters_make_a_code(code: str) -> None:
    assert problem(code) is None
