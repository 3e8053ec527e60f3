"""Files of events: columns guessed, each row an event by its own time, told once, refused rows kept, resumed once."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from distribution import events, events_columns, events_import
from distribution.automatic import firing
from distribution.codes.intake import hand_over
from distribution.customers.importing import refused_csv
from distribution.errors import Refused
from distribution.files import read_table
from distribution.jobs import JobRun
from distribution.runtime import Runtime
from storage.tables import Customer, Event, Job
from tests.conftest import NOON, run_jobs
from tests.unit.automatic import living
from tests.unit.test_files import xlsx

CARTS = """event_id,customer,event,at,cart_total,Gift wrap,properties.promisedOn,Note
cart-1,C1,cart_abandoned,2026-06-15T11:00:00Z,59.9,yes,2026-07-01,"two words"
cart-2,+48 501 234 212,cart_abandoned,2026-06-15T13:30:00+02:00,120,no,,
cart-3,C9,cart_abandoned,2026-06-15T11:00:00Z,1,no,,
"""


@pytest.fixture(autouse=True)
def people(runtime: Runtime) -> None:
    """Anna by her source id, and Jan by his number."""
    with runtime.db.write() as session:
        for source_id, phone in (("C1", "+48501234211"), (None, "+48501234212")):
            session.add(
                Customer(source_id=source_id, phone=phone, consent="given", created_at=NOON, updated_at=NOON, name="")
            )


def guessed(runtime: Runtime, text: str) -> list[tuple[str, str | None, str | None]]:
    """What the columns of a file are taken for."""
    with runtime.db.read() as session:
        found = events_columns.guess(read_table(text.encode(), "carts.csv"), events.names(session))
    return [(column.role, column.property, column.type) for column in found]


def take(
    runtime: Runtime,
    data: str | bytes,
    *,
    columns: Sequence[Mapping[str, Any]] | None = None,
    name: str = "",
    order: str = "",
    run: bool = True,
) -> Job:
    """Hand a file over, import it as guessed or as `columns` say, as somebody in Warsaw; the job."""
    with runtime.db.write() as session:
        data = data.encode() if isinstance(data, str) else data
        upload_id, table = hand_over(session, data, "carts.csv", by="U0MAYA", now=runtime.clock.now())
        known = events.names(session)
        columns = columns or [column.to_json() for column in events_columns.guess(table, known)]
        layout = events_columns.checked(columns, name=name, order=order, time_zone="Europe/Warsaw")
        events_import.check(session, upload_id, layout)
        job_id = events_import.import_file(runtime.jobs, session, upload_id, layout, by="U0MAYA")
    if run:
        run_jobs(runtime)
    with runtime.db.read() as session:
        return session.get_one(Job, job_id)


def recorded(runtime: Runtime) -> list[Event]:
    """All events, the earliest first."""
    with runtime.db.read() as session:
        return list(session.scalars(select(Event).order_by(Event.at, Event.id)))


def refused(runtime: Runtime, job: Job) -> list[list[str]]:
    """The file of what was not taken."""
    with runtime.db.read() as session:
        data = refused_csv(session, job.id, job.result["names"])
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) if data else []


def counts(job: Job) -> tuple[int, int, int]:
    """Of a job that is done: recorded, again, refused."""
    assert job.state == "done", job.error
    return job.result["recorded"], job.result["again"], job.result["refused"]


def test_columns_are_guessed_by_heading_and_properties_by_what_stands_in_them(runtime: Runtime) -> None:
    assert guessed(runtime, CARTS) == [
        ("source_id", None, None),
        ("customer", None, None),
        ("name", None, None),
        ("at", None, None),
        ("property", "cart_total", "number"),
        ("property", "gift_wrap", "boolean"),
        ("property", "promisedOn", "date"),
        ("property", "note", "text"),
    ]


def test_a_property_keeps_the_type_that_it_has_in_events_where_the_cells_allow_it(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        told = {"customer": "C1", "name": "visited", "properties": {"shop": "17", "size": 3}}
        events.record(session, [told], now=NOON)
    assert guessed(runtime, "customer,shop,size\nC1,18,5\n")[1:] == [
        ("property", "shop", "text"),
        ("property", "size", "number"),
    ]
    assert guessed(runtime, "customer,size\nC1,large\n")[1:] == [("property", "size", "text")]


def test_rows_are_events_by_their_own_time_with_properties_of_their_types(runtime: Runtime) -> None:
    job = take(runtime, CARTS)
    assert counts(job) == (2, 0, 1) and job.result["rows"] == 3
    first, second = recorded(runtime)
    assert (first.source_id, first.name, first.at) == (
        "cart-1",
        "cart_abandoned",
        datetime(2026, 6, 15, 11, tzinfo=UTC),
    )
    wanted = {"cart_total": 59.9, "gift_wrap": True, "promisedOn": "2026-07-01", "note": "two words"}
    assert first.properties == wanted
    assert second.at == datetime(2026, 6, 15, 11, 30, tzinfo=UTC)
    assert second.properties == {"cart_total": 120, "gift_wrap": False}
    head, row = refused(runtime, job)
    assert head[-2:] == ["Line", "Why it was not taken"] and row[0] == "cart-3" and row[-2] == "4"
    assert row[-1].startswith("No customer has the source id or phone number 'C9'.")


def test_imported_twice_a_file_with_ids_tells_nothing_twice(runtime: Runtime) -> None:
    take(runtime, CARTS)
    assert counts(take(runtime, CARTS)) == (0, 2, 1)
    with runtime.db.write() as session:
        (said,) = events.record(session, [{"source_id": "cart-1", "customer": "C1", "name": "other"}], now=NOON)
    assert said.status == "again" and len(recorded(runtime)) == 2


def test_a_line_whose_id_was_told_for_another_thing_is_told_by_its_line(runtime: Runtime) -> None:
    """In the file itself, or by the API before; the same again is no news."""
    with runtime.db.write() as session:
        told = {"source_id": "b", "customer": "C1", "name": "visited", "properties": {"total": 7, "shop": "x"}}
        events.record(session, [told], now=NOON)
    text = "id,customer,total\na,C1,5\na,C1,6\nb,C1,7\na,C1,5\nb,+48501234212,7\n"
    job = take(runtime, text, name="visited")
    assert counts(job) == (1, 2, 2) and len(recorded(runtime)) == 2
    assert [(row[-2], row[-1]) for row in refused(runtime, job)[1:]] == [
        ("3", "The id 'a' was told before, with another 'total': that stays. Give each event an id of its own."),
        ("6", "The id 'b' was told before, of another customer: that stays. Give each event an id of its own."),
    ]


def test_the_whole_file_is_one_event_where_no_column_says_which(runtime: Runtime) -> None:
    assert counts(take(runtime, "customer,at\nC1,2026-06-14\n", name="visited")) == (1, 0, 0)
    (only,) = recorded(runtime)
    assert (only.name, only.at) == ("visited", datetime(2026, 6, 13, 22, tzinfo=UTC)), "a day begins in Warsaw"


def test_a_spreadsheet_and_properties_as_json_are_read(runtime: Runtime) -> None:
    rows: list[tuple[str | float, ...]] = [
        ("Customer", "Event name", "When", "Properties", "cart_total"),
        ("C1", "cart_abandoned", "2026-06-15 12:30", '{"cart_total": 1, "vip": true}', 7),
        ("C1", "cart_abandoned", "2026-06-15 12:31", "[1]", ""),
    ]
    data = xlsx({f"{'ABCDE'[at]}{line}": cell for line, row in enumerate(rows, 1) for at, cell in enumerate(row)})
    job = take(runtime, data)
    assert counts(job) == (1, 0, 1)
    (only,) = recorded(runtime)
    assert only.properties == {"cart_total": 7, "vip": True} and only.at == NOON - timedelta(minutes=90)
    assert refused(runtime, job)[1][-1] == "Properties: '[1]' is not a JSON object such as {\"cart_total\": 59.9}."


def test_rows_that_cannot_be_events_come_back_with_the_reason(runtime: Runtime) -> None:
    rows = [
        "customer,event,at,cart_total",
        "C1,cart_abandoned,,5",
        "C1,cart_abandoned,soon,5",
        "C1,cart_abandoned,2026-06-15,many",
        "C1,cart abandoned,2026-06-15,5",
        "C1,cart_abandoned,2026-06-18,5",
        ",cart_abandoned,2026-06-15,5",
        "C1,cart_abandoned,2026-06-15,5",
    ]
    columns = [{"role": role} for role in ("customer", "name", "at")]
    columns.append({"role": "property", "property": "cart_total", "type": "number"})
    job = take(runtime, "\n".join(rows), columns=columns)
    assert counts(job) == (1, 0, 6)
    assert [(row[-2], row[-1]) for row in refused(runtime, job)[1:]] == [
        ("2", "at: there is no time."),
        ("3", "at: 'soon' is no date."),
        ("4", "cart_total: 'many' is not a number."),
        ("5", "'cart abandoned' cannot be a name: a letter first, then letters, digits, _; at most 60."
              " Call it 'cart_abandoned'."),
        ("6", "'2026-06-17 22:00:00+00:00' is more than a day ahead. Send the time at which it happened."),
        ("7", "Say whose event it is: their source id, or their phone number."),
    ]  # fmt: skip


NEVER = "customer,at\nC1,0001-01-01\nC1,0001-01-01T00:00:00+05:00\nC1,9999-12-31T23:59:59-05:00\nC1,2026-06-15\n"
ODD = [
    r'{"\ud800": 1}',
    r'{"a\u0000b": 1}',
    '{"a":' * 3000,
    '{"a": 1e400}',
    '{"a": NaN}',
    '{"a": 1' + "0" * 400 + "}",
    '{"a": 1' + "0" * 5000 + "}",
    '{"a": {"b": 1}}',
    r'{"a": "\ud800x\u0000"}',
]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (NEVER, ["2", "3", "4"]),
        ("customer,properties\n" + "".join(f'C1,"{each.replace(chr(34), chr(34) * 2)}"\n' for each in ODD),
         ["2", "3", "4", "5", "6", "7", "8", "9"]),
    ],
    ids=["the ends of time", "odd properties"],
)  # fmt: skip
def test_one_line_that_no_event_can_be_does_not_end_the_import(runtime: Runtime, text: str, lines: list[str]) -> None:
    """Each is told by its line; the last one, which is sound, is taken."""
    job = take(runtime, text, name="visited")
    assert counts(job) == (1, 0, len(lines))
    assert [row[-2] for row in refused(runtime, job)[1:]] == lines
    assert recorded(runtime)[0].properties in ({}, {"a": "x"})


@pytest.mark.parametrize(
    ("text", "changes", "field", "says"),
    [
        ("who,at\nC1,2026-06-15\n", {"name": "x"}, "column.0", "which column has the customer"),
        ("customer,at\nC1,2026-06-15\n", {}, "name", "Say which event"),
        ("customer,at\nC1,2026-06-15\n", {"name": "a b"}, "name", "Call it 'a_b'"),
        ("customer,event\nC1,visited\n", {"name": "visited"}, "name", "Leave this empty"),
        ("customer,at\nC1,03/04/2026\n", {"name": "x"}, "dates", "can be read in two ways"),
        ("customer,at\nC1,13/04/2026\nC1,04/13/2026\n", {"name": "x"}, "column.1", "Write all dates in one way"),
    ],
)
def test_what_the_file_leaves_open_is_asked_at_its_field(
    runtime: Runtime, text: str, changes: dict[str, str], field: str, says: str
) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        take(runtime, text, **changes)  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_what_a_person_says_of_dates_holds_for_times_and_properties(runtime: Runtime) -> None:
    take(runtime, "customer,at,due\nC1,03/06/2026,04/06/2026\n", name="visited", order="dmy", columns=[
        {"role": "customer"}, {"role": "at"}, {"role": "property", "property": "due", "type": "date"}
    ])  # fmt: skip
    (only,) = recorded(runtime)
    assert only.at == datetime(2026, 6, 2, 22, tzinfo=UTC) and only.properties == {"due": "2026-06-04"}


def test_a_killed_import_goes_on_where_it_was_and_tells_nothing_twice_even_without_ids(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_import, "CHUNK", 10)
    rows = "".join(f"C1,2026-06-15 {minute // 60:02}:{minute % 60:02}\n" for minute in range(45))
    take(runtime, f"customer,at\n{rows}", name="visited", run=False)
    chunk, chunks = JobRun.chunk, []

    def dying(self: JobRun, runtime: Runtime, **more: Any) -> Any:
        chunks.append(self.done)
        if len(chunks) == 3:
            raise SystemExit("killed")
        return chunk(self, runtime, **more)

    monkeypatch.setattr(JobRun, "chunk", dying)
    with pytest.raises(SystemExit):
        run_jobs(runtime)
    assert len(recorded(runtime)) == 20
    monkeypatch.setattr(JobRun, "chunk", chunk)
    runtime.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    run_jobs(runtime)
    assert len(recorded(runtime)) == 45
    with runtime.db.read() as session:
        job = session.scalars(select(Job)).one()
        assert counts(job) == (45, 0, 0) and job.done == job.total == 45
        assert session.scalar(select(func.count(Event.at.distinct()))) == 45


def test_the_first_rows_are_shown_as_they_would_be_read(runtime: Runtime) -> None:
    table = read_table(CARTS.replace("59.9", "lots").encode(), "carts.csv")
    columns = [column.to_json() for column in events_columns.guess(table, {})]
    columns[4] |= {"type": "number"}
    seen = events_columns.preview(table, events_columns.checked(columns, name="", order="", time_zone="UTC"))
    assert [each["source_id"] for each in seen.taken] == ["cart-2", "cart-3"]
    assert seen.refused == [(2, "cart_total: 'lots' is not a number.")]
    assert seen.names == {"cart_abandoned"} and json.dumps(seen.taken[0]["properties"]) == (
        '{"cart_total": 120, "gift_wrap": false}'
    )


def test_a_file_sets_live_distributions_off_by_each_events_own_time_and_once(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        rows = (
            living.live(session, living.ABANDONED | {"delay": 60}),
            living.live(session, {"kind": "event", "event": "x"}),
        )
        subjects = events_import.waiting(session, {"cart_abandoned", "visited"})
    assert subjects == ["Carts"] and len(rows) == 2
    runtime.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    text = "id,customer,at\nlate,C1,2026-06-17T11:30:00Z\nold,C1,2026-06-16T11:00:00Z\nfirst,C1,2026-06-17T09:00:00Z\n"
    for _again in range(2):
        take(runtime, text, name="cart_abandoned")
        while firing.look(runtime):
            pass
    planned = living.planned(runtime)
    noon = NOON + timedelta(days=2)
    fired = [noon - timedelta(hours=3), noon - timedelta(minutes=30)]
    assert sorted(at for _, _, at, _ in planned) == fired, "the one of over a day ago is kept, and fires nothing"
    assert sorted(due for _, _, _, due in planned) == [noon, noon + timedelta(minutes=30)]


def test_rows_that_an_import_of_long_ago_did_not_take_are_forgotten(runtime: Runtime) -> None:
    """They hold numbers of people: for thirty days somebody may ask for them."""
    first = take(runtime, "customer,at\nC9,2026-06-15\n", name="visited")
    runtime.clock.advance(timedelta(days=31))  # type: ignore[attr-defined]
    take(runtime, "customer,at\nC1,2026-06-15\n", name="visited")
    assert refused(runtime, first) == []


def test_a_value_with_a_comma_and_no_quotes_is_told_not_read_by_half(runtime: Runtime) -> None:
    """59,90 was taken for 59, and its customer's cart for too small."""
    text = "customer,event,at,cart_total\nC1,cart_abandoned,2026-06-15T11:00:00Z,59,90\nC1,cart_abandoned,,1,\n"
    with runtime.db.read() as session:
        table = read_table(text.encode(), "carts.csv")
        layout = events_columns.checked(
            [column.to_json() for column in events_columns.guess(table, events.names(session))],
            name="",
            order="",
            time_zone="UTC",
        )
    seen = events_columns.preview(table, layout)
    assert seen.refused[0] == (
        2,
        "The row has more cells than the 4 columns there are. A value that holds the mark between cells belongs in "
        'quotes: "59,90".',
    )
    job = take(runtime, text)
    assert (job.result["recorded"], job.result["refused"]) == (0, 2)
    with runtime.db.read() as session:
        again = (refused_csv(session, job.id, job.result["names"]) or b"").decode("utf-8-sig")
    assert "59,90" in again


def test_a_column_without_a_heading_may_be_read(runtime: Runtime) -> None:
    text = "customer,event,at\nC1,cart_abandoned,2026-06-15T11:00:00Z,59.90\n"
    with runtime.db.read() as session:
        guess = [
            column.to_json() for column in events_columns.guess(read_table(text.encode(), "c"), events.names(session))
        ]
    assert take(runtime, text, columns=guess).result["refused"] == 1
    guess[3] = {"role": "property", "property": "cart_total", "type": "number"}
    assert take(runtime, text, columns=guess).result["recorded"] == 1


def test_a_refused_row_that_is_too_long_is_kept_whole(runtime: Runtime) -> None:
    """Beyond the first rows the file has as many columns as its heading."""
    head = "customer,event,at,cart_total\n"
    rows = "C1,cart_abandoned,2026-06-15T11:00:00Z,1\n" * 60
    job = take(runtime, f"{head}{rows}C1,cart_abandoned,2026-06-15T11:00:00Z,59,90\n")
    assert (job.result["recorded"], job.result["refused"]) == (60, 1)
    with runtime.db.read() as session:
        again = (refused_csv(session, job.id, job.result["names"]) or b"").decode("utf-8-sig")
    (_, row) = csv.reader(io.StringIO(again))
    assert row[3:5] == ["59,90", "62"]
