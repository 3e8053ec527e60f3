"""Files with codes: taken in at once or by a job, resumed without doubling; the column with the codes is guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from distribution.codes import importing, intake
from distribution.codes.groups import create
from distribution.codes.importing import Columns
from distribution.errors import Refused
from distribution.files import read_table
from distribution.jobs import LEASE
from distribution.runtime import Runtime
from storage import groups, uploads
from storage.tables import Job, PromoCode, PromoCodeLot, PromoCodeStock
from tests.conftest import run_jobs
from tests.unit.codes.stocked import BY, group, stored


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
