"""Codes that were made elsewhere: taken in once, the rest named line by line, resumed without doubling."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from distribution.codes import importing, intake, rules
from distribution.codes.groups import create, delete
from distribution.codes.importing import Columns
from distribution.codes.rules import problem
from distribution.errors import Refused
from distribution.files import read_table
from distribution.jobs import LEASE
from distribution.runtime import Runtime
from storage import groups, uploads
from storage.tables import Job, PromoCode, PromoCodeLot, PromoCodeStock
from tests.conftest import NOON, run_jobs

BY = {"by": "U0MAYA", "now": NOON}


def group(runtime: Runtime, name: str = "Summer 10%") -> int:
    with runtime.db.write() as session:
        return create(session, name, **BY).id


def stored(runtime: Runtime) -> list[str]:
    with runtime.db.read() as session:
        return sorted(session.scalars(select(PromoCode.code)))


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


def csv_of(count: int, *, head: str = "name,code\n") -> bytes:
    return (head + "".join(f"n{number},CODE{number:06}\n" for number in range(count))).encode()


def hand_over(runtime: Runtime, data: bytes, name: str = "codes.csv") -> int:
    with runtime.db.write() as session:
        return intake.hand_over(session, data, name, **BY)[0]


def test_a_short_file_is_taken_in_at_once(runtime: Runtime) -> None:
    group_id, upload_id = group(runtime), hand_over(runtime, csv_of(100))
    with runtime.db.write() as session:
        assert importing.guess_column(intake.handed_over(session, upload_id)) == 1
        added = importing.import_file(runtime.jobs, session, group_id, upload_id, Columns(1), **BY)
        assert uploads.read(session, upload_id) is None
    assert (added.inserted, added.job_id) == (100, None)


def test_a_long_file_is_a_job_that_resumes_without_doubling(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv_of(120_000) + b"n,CODE000005\nn,A B\nn,\n"
    group_id, upload_id = group(runtime), hand_over(runtime, data)
    with runtime.db.write() as session:
        added = importing.import_file(runtime.jobs, session, group_id, upload_id, Columns(1), channel="C1", **BY)
    _die_in_chunk(monkeypatch, 2)
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    assert len(stored(runtime)) == 49_998, "the first chunk in sorted order, without the two that are left"
    monkeypatch.undo()
    runtime.clock.advance(LEASE + timedelta(seconds=1))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, added.job_id)
        assert job.state == "done" and job.done == job.total == 120_002
        assert job.result == {
            "group_id": group_id,
            "group": "Summer 10%",
            "lot_id": added.lot_id,
            "inserted": 120_000,
            "duplicated": 1,
            "repeated": 1,
            "discarded": 1,
            "wanted": None,
            "note": None,
        }
        assert list(groups.leftovers(session, added.lot_id)) == [
            (120_002, "CODE000005", "repeats line 7"),
            (120_003, "A B", "a space inside"),
        ]
        stock = session.get_one(PromoCodeStock, group_id)
        assert (stock.total, stock.active) == (120_000, 120_000)
        assert uploads.read(session, upload_id) is None
    assert len(stored(runtime)) == 120_000


def test_a_file_of_several_windows_resumes_in_the_midst_of_one(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each window is sorted anew: what was taken of it is left out, and what an earlier one had is a duplicate."""
    monkeypatch.setattr(importing, "WINDOW", 8_000)
    monkeypatch.setattr(importing, "CHUNK", 3_000)
    data = csv_of(20_000) + b"n,CODE000005\n"
    group_id, upload_id = group(runtime), hand_over(runtime, data)
    with runtime.db.write() as session:
        added = importing.import_file(runtime.jobs, session, group_id, upload_id, Columns(1), **BY)
    _die_in_chunk(monkeypatch, 5)
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    assert len(stored(runtime)) == 8_000 + 3_000
    monkeypatch.undo()
    monkeypatch.setattr(importing, "WINDOW", 8_000)
    monkeypatch.setattr(importing, "CHUNK", 3_000)
    runtime.clock.advance(LEASE + timedelta(seconds=1))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, added.job_id)
        assert (job.state, job.done, job.total) == ("done", 20_001, 20_001)
        assert list(groups.leftovers(session, added.lot_id)) == [
            (20_002, "CODE000005", "comes earlier in the same file")
        ]
    assert len(stored(runtime)) == 20_000


def test_what_was_stored_since_a_chunk_was_looked_up_is_a_duplicate_all_the_same(runtime: Runtime) -> None:
    """The next chunk is looked up while the last is stored: what it says may be old when its turn comes."""
    with runtime.db.write() as session:
        lot = groups.add_lot(session, create(session, "A", **BY).id, "file", {}, **BY)
        other = create(session, "B", **BY).id
        intake.add(session, other, ["HERE01"], **BY)
    lines = iter([intake.Line(number, code) for number, code in enumerate(["HERE01", "SOON01", "NEW001"], 1)])
    (chunk,) = importing.ready(runtime, lines, dated=False)
    with runtime.db.write() as session:
        intake.add(session, other, ["SOON01"], **BY)
    with runtime.db.write() as session:
        left = intake.take(session, lot.group_id, lot.id, chunk.sifted, chunk.known)
    assert left == {1: ("duplicated", "already in 'B'"), 2: ("duplicated", "already in 'B'")}
    assert stored(runtime) == ["HERE01", "NEW001", "SOON01"]
    with runtime.db.read() as session:
        assert session.get_one(PromoCodeStock, lot.group_id).active == 1


def test_a_long_file_with_expiries_is_taken_one_way_or_not_at_all(runtime: Runtime) -> None:
    lines = [f"CODE{number:06},{31 if number else 3}/0{8 if number else 4}/2099\n" for number in range(12_000)]
    good = "code,expires\n" + "".join(lines)
    for data, says in ((good, None), (good + "LAST,08/31/2099\n", "Line 12002 of 'codes.csv' says '08/31/2099'")):
        group_id, upload_id = group(runtime, f"G{says}".replace("'", "")[:20]), hand_over(runtime, data.encode())
        with runtime.db.write() as session:
            columns = Columns(0, expiry=1, time_zone="Europe/Warsaw")
            added = importing.import_file(runtime.jobs, session, group_id, upload_id, columns, **BY)
        run_jobs(runtime)
        with runtime.db.read() as session:
            job = session.get_one(Job, added.job_id)
            total = session.get_one(PromoCodeStock, group_id).total
            if says is None:
                assert (job.state, total) == ("done", 12_000), job.error
                code = session.scalars(select(PromoCode).where(PromoCode.code == "CODE000000")).one()
                assert code.expires_at == datetime(2099, 4, 3, 22, tzinfo=UTC)
            else:
                assert (job.state, total) == ("failed", 0) and says in (job.error or "")


def test_a_job_that_dies_after_its_last_chunk_still_tells_its_numbers(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id, upload_id = group(runtime), hand_over(runtime, csv_of(21_000))
    with runtime.db.write() as session:
        added = importing.import_file(runtime.jobs, session, group_id, upload_id, Columns(1), **BY)
    monkeypatch.setattr("distribution.jobs.rows.finish", _die)
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    monkeypatch.undo()
    runtime.clock.advance(LEASE + timedelta(seconds=1))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert session.get_one(Job, added.job_id).result["inserted"] == 21_000


def test_a_file_that_was_never_imported_does_not_stay(runtime: Runtime) -> None:
    old = hand_over(runtime, csv_of(1))
    runtime.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    with runtime.db.write() as session:
        intake.hand_over(session, csv_of(1), "codes.csv", by="U0MAYA", now=runtime.clock.now())
        with pytest.raises(Refused, match="Choose it again") as refusal:
            intake.handed_over(session, old)
    assert refusal.value.field == "file"


def test_a_column_without_anything_in_it_is_refused(runtime: Runtime) -> None:
    group_id, upload_id = group(runtime), hand_over(runtime, b"code,other\nA1,\nA2,\n")
    with pytest.raises(Refused, match="has nothing in that column"), runtime.db.write() as session:
        importing.import_file(runtime.jobs, session, group_id, upload_id, Columns(1), **BY)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(PromoCodeLot)) == 0


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (b"name,Promo Code,city\nAnna,X1,Oslo\n", 1),
        (b"Anna,SUMMER1,1\nAnna,SUMMER2,2\nBo,SUMMER3,3\n", 1),
        (b"X1\nX2\n", 0),
        (b"coupon_code;used\nA;no\n", 0),
        ("email;Kod;ważny do\nanna@example.com;X1;31/12/2030\nbo@example.com;X2;13/13/2030\n".encode(), 1),
        (b"a@example.com;31/12/2030;CODE1\nb@example.com;30/12/2030;CODE2\n", 2),
    ],
)
def test_the_column_with_the_codes_is_guessed(data: bytes, column: int) -> None:
    assert importing.guess_column(read_table(data, "x.csv")) == column


@pytest.mark.parametrize(
    ("data", "column"),
    [
        ("email;Kod;Ważny do\nanna@example.com;X1;31/12/2030\n".encode(), 2),
        (b"code,till\n" + b"".join(b"X%d,3%d/12/2030\n" % (n, n % 2) for n in range(9)) + b"X9,13/13/2030\n", 1),
        (b"code,name\nX1,Anna\n", None),
    ],
)
def test_the_column_with_the_days_is_guessed_although_one_of_them_is_mistyped(data: bytes, column: int | None) -> None:
    assert importing.guess_expiry(read_table(data, "x.csv")) == column


@pytest.mark.parametrize("code", ["A", "x" * 64, "Ü-10%!", "\"q'", "ЛЕТО", "夏10", "a\\b", "-", "~"])
def test_visible_characters_make_a_code(code: str) -> None:
    assert problem(code) is None


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the job catches it."""


def _die(*args: object, **kwargs: object) -> None:
    raise Killed


def _die_in_chunk(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Die at the end of a chunk, after its work and before its commit."""
    from storage import jobs

    kept, calls = jobs.keep, iter(range(1, 1000))

    def keep(*args: object, **kwargs: object) -> bool:
        if next(calls) == chunk:
            raise Killed
        return kept(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("distribution.jobs.rows.keep", keep)
