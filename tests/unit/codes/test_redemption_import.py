"""Files of redemptions: the columns are guessed, each row is taken once, and what is not taken says why."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from distribution.check import check
from distribution.codes import redemption_import, replacing
from distribution.codes.intake import hand_over
from distribution.codes.redemption_import import Columns, guess
from distribution.customers.importing import refused_csv
from distribution.errors import Refused
from distribution.files import read_table
from distribution.jobs import JobStopped
from distribution.runtime import Runtime
from storage.tables import Job, PromoCodeStock, Redemption
from tests.sending import make_customers, make_group


def used(runtime: Runtime, count: int) -> tuple[int, list[str]]:
    """A group, and codes of it that a customer has."""
    group = make_group(runtime, "Summer 10%", count)
    (customer,) = make_customers(runtime, 1)
    with runtime.db.write() as session:
        now = runtime.clock.now()
        give = [replacing.give(session, group, customer, by="U0ADA", now=now, request=f"r{n}") for n in range(count)]
        return group, [each.code.code for each in give]


def enqueue(runtime: Runtime, text: str, **columns: object) -> int:
    """Hand a file over and have a job take it."""
    with runtime.db.write() as session:
        upload_id, _ = hand_over(session, text.encode(), "used.csv", by="U0MAYA", now=runtime.clock.now())
        said = Columns(**({"code": 0} | columns))  # type: ignore[arg-type]
        return redemption_import.import_file(runtime.jobs, session, upload_id, said, by="U0MAYA")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Order,Coupon code,Used on,Shop\n1,A1,2026-06-15,Warsaw\n", Columns(1, 2, 3, 0)),
        ("promo_code;Redeemed at;transaction-id\nA1;15.06.2026 10:00;77\n", Columns(0, 1, None, 2)),
        ("A1,2026-06-15\nB2,2026-06-16\n", Columns(0, 1)),
        ("2026-06-15,A1\n2026-06-16,B2\n", Columns(1, 0)),
        ("A1\nB2\n", Columns(0)),
    ],
)
def test_columns_are_guessed_by_their_headings_or_what_stands_in_them(text: str, columns: Columns) -> None:
    assert guess(read_table(text.encode(), "used.csv"), "UTC") == columns


def test_an_import_that_is_stopped_between_chunks_goes_on_and_takes_nothing_twice(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ids of the uses, a row that was taken twice would be refused the second time."""
    group, codes = used(runtime, 9)
    monkeypatch.setattr(redemption_import, "CHUNK", 2)
    job_id = enqueue(runtime, "\n".join(codes))
    take: Callable[..., dict[str, int]] = redemption_import._take
    taken = []

    def stop_at_the_third(*given: object) -> dict[str, int]:
        taken.append(1)
        if len(taken) == 3:
            raise JobStopped
        return take(*given)

    monkeypatch.setattr(redemption_import, "_take", stop_at_the_third)
    runtime.jobs.run_next(runtime)
    with runtime.db.read() as session:
        assert session.get_one(PromoCodeStock, group).redeemed == 4
    monkeypatch.setattr(redemption_import, "_take", take)
    while runtime.jobs.run_next(runtime):
        pass
    with runtime.db.read() as session:
        job = session.get_one(Job, job_id)
        counts = (job.state, job.done, job.result["redeemed"], job.result["refused"])
        assert counts == ("done", 9, 9, 0)
        assert session.get_one(PromoCodeStock, group).redeemed == 9
    assert check(runtime.db) == []


def test_days_are_where_the_person_is_and_an_import_says_who_made_it(runtime: Runtime) -> None:
    _, (code,) = used(runtime, 1)
    enqueue(runtime, f"code,when\n{code},2026-06-15\n", when=1, time_zone="Europe/Warsaw")
    runtime.jobs.run_next(runtime)
    with runtime.db.read() as session:
        row = session.scalars(select(Redemption)).one()
    assert f"{row.at:%Y-%m-%d %H:%M}" == "2026-06-14 22:00"
    assert row.recorded_by == "import of used.csv by U0MAYA"


@pytest.mark.parametrize(
    ("text", "columns", "field", "words"),
    [
        ("code,when\nA1,03/04/2026\n", {"when": 1}, "dates", "can be read in two ways"),
        ("code,when\nA1,31/08/2026\nB2,08/31/2026\n", {"when": 1}, "when", "Write all dates in one way"),
        ("code,when\nA1,x\n", {"when": 0}, "when", "One column cannot say two things"),
        ("code,when\nA1,x\n", {"where": 7}, "where", "has no column 8"),
        ("code,when\n,x\n", {}, "code", "has nothing in that column"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_input(
    runtime: Runtime, text: str, columns: dict[str, int], field: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        enqueue(runtime, text, **columns)
    assert refused.value.field == field


def test_a_row_with_more_cells_than_the_heading_redeems_nothing(runtime: Runtime) -> None:
    """What is in the wrong column is no code, no day and no place."""
    _, (code,) = used(runtime, 1)
    job_id = enqueue(runtime, f"shop,code\nWarsaw, Centrum,{code}\n", code=1, where=0)
    runtime.jobs.run_next(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, job_id)
        data = refused_csv(session, job_id, job.result["names"]) or b""
    assert job.result["refused"] == 1
    assert "The row has more cells than the 2 columns there are." in data.decode()
