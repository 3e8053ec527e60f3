"""Files of customers: columns guessed, people merged, bad rows kept with their reasons, resumed without doubling."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from distribution.codes.intake import hand_over
from distribution.customers import columns as cols
from distribution.customers import consent, importing, profile
from distribution.errors import Refused
from distribution.files import read_table
from distribution.jobs import JobRun
from distribution.runtime import Runtime
from storage import customers
from storage.tables import ConsentChange, Customer, Job
from tests.conftest import run_jobs
from tests.unit.test_files import xlsx

SPRING = """Customer ID,Full name,Mobile,City,Visits,VIP,Birthday,Opt-in
C1,Anna Kowalska,+48 501 234 211,Warsaw,3,yes,1990-05-01,yes
C2,"Nowak, Jan",48501234212,Łódź,12,no,1985-12-24,no
,<!channel> *x* 😀,501-234-213,Gdańsk,0,no,,
"""


def _guessed(runtime: Runtime, text: str) -> list[cols.Column]:
    with runtime.db.read() as session:
        return cols.guess(read_table(text.encode(), "spring.csv"), customers.attributes(session))


def _import(
    runtime: Runtime,
    data: str | bytes,
    *,
    columns: Sequence[Mapping[str, Any]] | None = None,
    agreed: bool = False,
    region: str = "PL",
    run: bool = True,
) -> Job:
    """Hand a file over, import it as guessed or as `columns` say, and return the job."""
    with runtime.db.write() as session:
        data = data.encode() if isinstance(data, str) else data
        upload_id, table = hand_over(session, data, "spring.csv", by="U0MAYA", now=runtime.clock.now())
        columns = columns or [column.to_json() for column in cols.guess(table, customers.attributes(session))]
        job_id = importing.import_file(
            runtime.jobs,
            session,
            upload_id,
            columns,
            region=region,
            everyone_agreed=agreed,
            by="U0MAYA",
            by_name="Maya Lindqvist",
        )
    if run:
        run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get(Job, job_id)
    assert job is not None
    return job


def _all(runtime: Runtime) -> list[Customer]:
    with runtime.db.read() as session:
        return list(session.scalars(select(Customer).order_by(Customer.id)))


def _refused(runtime: Runtime, job: Job) -> list[list[str]]:
    with runtime.db.read() as session:
        data = importing.refused_csv(session, job.id, job.result["names"])
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) if data else []


def test_columns_are_guessed_from_headings_and_values(runtime: Runtime) -> None:
    assert [(column.role, column.attribute, column.type) for column in _guessed(runtime, SPRING)] == [
        ("source_id", None, None),
        ("name", None, None),
        ("phone", None, None),
        ("attribute", "city", "text"),
        ("attribute", "visits", "number"),
        ("attribute", "vip", "boolean"),
        ("attribute", "birthday", "date"),
        ("consent", None, None),
    ]


def test_headings_are_known_by_their_letters_without_accents(runtime: Runtime) -> None:
    text = "Klient ID;Imię i nazwisko;Telefon;Zgoda\nK1;Zoë;+48501234211;tak\n"
    assert [column.role for column in _guessed(runtime, text)] == ["source_id", "name", "phone", "consent"]
    assert [column.role for column in _guessed(runtime, "Imię,Język,Phone\nZoë,pl,+48501234211\n")] == [
        "first_name",
        "locale",
        "phone",
    ]


def test_numbers_are_found_where_nothing_names_them(runtime: Runtime) -> None:
    assert [column.role for column in _guessed(runtime, "+48501234211;Anna\n+48501234212;Jan\n")] == ["phone", "ignore"]


def test_a_column_of_postcodes_is_text_and_not_a_number(runtime: Runtime) -> None:
    text = "phone,postcode\n+48501234211,00123\n+48501234212,12345\n"
    assert _guessed(runtime, text)[1] == cols.Column("attribute", "postcode", "text")


def test_an_import_takes_everything_that_a_row_names(runtime: Runtime) -> None:
    job = _import(runtime, SPRING)
    assert (job.state, job.result["rows"], job.result["created"], job.result["refused"]) == ("done", 3, 3, 0)
    anna, jan, third = _all(runtime)
    assert (anna.source_id, anna.phone, anna.name, anna.consent) == ("C1", "+48501234211", "Anna Kowalska", "given")
    assert anna.attributes == {"city": "Warsaw", "visits": 3, "vip": True, "birthday": "1990-05-01"}
    assert (anna.region, anna.time_zone) == ("PL", "Europe/Warsaw")
    assert (jan.name, jan.consent, jan.phone) == ("Nowak, Jan", "opted_out", "+48501234212")
    assert (third.name, third.consent, third.attributes) == (
        "<!channel> *x* 😀",
        "unknown",
        {"city": "Gdańsk", "visits": 0, "vip": False},
    )
    with runtime.db.read() as session:
        assert [found.name for found in profile.find(session, "jan", 5)] == ["Nowak, Jan"]
        assert customers.attributes(session) == {
            "birthday": "date",
            "city": "text",
            "visits": "number",
            "vip": "boolean",
        }
        assert [change.source for change in customers.history(session, anna.id)] == [
            "Maya Lindqvist (U0MAYA): import of spring.csv"
        ]


def test_a_statement_for_everyone_is_kept_with_the_name_of_who_made_it(runtime: Runtime) -> None:
    _import(runtime, "phone\n+48501234211\n", agreed=True)
    (anna,) = _all(runtime)
    with runtime.db.read() as session:
        (change,) = customers.history(session, anna.id)
    assert (anna.consent, change.consent) == ("given", "given")
    assert change.source == 'Maya Lindqvist (U0MAYA): import of spring.csv: "Everyone in this file has agreed to texts"'


def test_nobody_who_opted_out_is_opted_in_by_a_file(runtime: Runtime) -> None:
    _import(runtime, "phone\n+48501234211\n", agreed=True)
    with runtime.db.write() as session:
        consent.change(session, _all(runtime)[0].id, "opted_out", "STOP reply", runtime.clock.now())
    job = _import(runtime, "phone,consent\n+48501234211,yes\n", agreed=True)
    assert _all(runtime)[0].consent == "opted_out"
    assert job.result["kept_opt_out"] == 1


def test_two_rows_that_are_one_person_are_one_person(runtime: Runtime) -> None:
    job = _import(
        runtime,
        "id,phone,name,city\nC1,+48501234211,Anna,Warsaw\n,48501234211,,Gdynia\n,48 501 234 211,,\nC1,,Anna K.,\n",
    )
    (anna,) = _all(runtime)
    assert (anna.name, anna.attributes, anna.source_id) == ("Anna K.", {"city": "Gdynia"}, "C1")
    assert (job.result["created"], job.result["updated"], job.result["unchanged"]) == (1, 2, 1)


def test_a_row_updates_what_it_names_and_leaves_the_rest(runtime: Runtime) -> None:
    _import(runtime, SPRING)
    _import(runtime, "Customer ID,City,Name\nC1,Kraków,\n")
    anna = _all(runtime)[0]
    assert (anna.name, anna.phone, anna.consent) == ("Anna Kowalska", "+48501234211", "given")
    assert anna.attributes == {"city": "Kraków", "visits": 3, "vip": True, "birthday": "1990-05-01"}


def test_the_same_file_again_changes_nothing(runtime: Runtime) -> None:
    _import(runtime, SPRING)
    before = [(c.id, c.updated_at, c.attributes) for c in _all(runtime)]
    job = _import(runtime, SPRING)
    assert (job.result["created"], job.result["updated"], job.result["unchanged"]) == (0, 0, 3)
    assert [(c.id, c.updated_at, c.attributes) for c in _all(runtime)] == before


def test_a_source_id_keeps_its_person_when_the_number_changes(runtime: Runtime) -> None:
    _import(runtime, "id,phone\nC1,+48501234211\nC2,+48501234212\n")
    _import(runtime, "id,phone\nC1,+48501234213\nC2,+48501234211\n,+48501234212\n")
    assert [(c.source_id, c.phone) for c in _all(runtime)] == [
        ("C1", "+48501234213"),
        ("C2", "+48501234211"),
        (None, "+48501234212"),
    ]


def test_a_number_given_up_in_one_row_may_be_taken_in_the_next(runtime: Runtime) -> None:
    """Whichever of the two the database holds first: a number is unique at every moment."""
    _import(runtime, "id,phone\nC1,+48501234211\nC2,+48501234212\n")
    job = _import(runtime, "id,phone\nC2,+48501234213\nC1,+48501234212\n")
    assert (job.state, job.error) == ("done", None)
    assert [(c.source_id, c.phone) for c in _all(runtime)] == [("C1", "+48501234212"), ("C2", "+48501234213")]


def test_bad_rows_are_kept_with_line_and_reason_and_the_good_ones_taken(runtime: Runtime) -> None:
    job = _import(
        runtime,
        "id,phone,visits,consent\n"
        "C1,+48501234211,1,yes\n"
        "C2,501 2,1,\n"
        "C3,+48 5O1 234 211,1,\n"
        "C4,+48501234214,many,\n"
        "C5,+48501234215,1,perhaps\n"
        ",,5,\n"
        "C6,+48501234211,1,\n"
        "=cmd(),+48501234217,x,\n",
        columns=[
            {"role": "source_id"},
            {"role": "phone"},
            {"role": "attribute", "attribute": "visits", "type": "number"},
            {"role": "consent"},
        ],
    )
    assert (job.state, job.result["created"], job.result["refused"]) == ("done", 1, 7)
    head, *rows = _refused(runtime, job)
    assert head == ["id", "phone", "visits", "consent", "Line", "Why it was not taken"]
    reasons = {int(row[-2]): row[-1] for row in rows}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 9]
    for line, why in {
        3: "too short for Poland",
        4: "has letters in it ('O')",
        5: "visits: 'many' is not a number",
        6: "consent: 'perhaps' is not a consent",
        7: "neither a phone number nor a source id",
        8: "the number of another customer, whose source id is 'C1'",
    }.items():
        assert why in reasons[line]
    assert rows[-1][0] == "'=cmd()"  # not a formula where a spreadsheet opens it
    assert rows[0][:4] == ["C2", "501 2", "1", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_files_of_many_encodings_are_read(runtime: Runtime, encoding: str) -> None:
    _import(runtime, SPRING.encode(encoding))
    assert _all(runtime)[1].attributes["city"] == "Łódź"


def test_a_spreadsheet_is_read_with_its_numbers_whole(runtime: Runtime) -> None:
    cells: dict[str, str | float] = {
        "A1": "Name",
        "B1": "Phone",
        "C1": "Visits",
        "A2": "Anna",
        "B2": 48501234211,
        "C2": 2.5,
    }
    _import(runtime, xlsx(cells))
    (anna,) = _all(runtime)
    assert (anna.name, anna.phone, anna.attributes) == ("Anna", "+48501234211", {"visits": 2.5})


def test_a_job_that_dies_between_chunks_goes_on_without_doubling(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner is killed after two of five chunks; the next one takes over when its lease is over."""
    monkeypatch.setattr(importing, "CHUNK", 10)
    lines = [
        f"C{number},+4850123{number:04d},bad" if number == 7 else f"C{number},+4850123{number:04d},1"
        for number in range(50)
    ]
    columns = [{"role": "source_id"}, {"role": "phone"}, {"role": "attribute", "attribute": "n", "type": "number"}]
    job = _import(runtime, "id,phone,n\n" + "\n".join(lines), columns=columns, agreed=True, run=False)

    class Killed(BaseException):
        pass

    chunk, chunks = JobRun.chunk, []

    def dying(self: JobRun, runtime: Runtime, **more: Any) -> Any:
        chunks.append(1)
        if len(chunks) == 4:  # the first says how many rows there are
            raise Killed
        return chunk(self, runtime, **more)

    monkeypatch.setattr(JobRun, "chunk", dying)
    with pytest.raises(Killed):
        run_jobs(runtime)
    assert len(_all(runtime)) == 19
    monkeypatch.setattr(JobRun, "chunk", chunk)
    runtime.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        again = session.get(Job, job.id)
        assert again is not None
        changes = session.scalar(select(func.count()).select_from(ConsentChange))
    assert (again.state, again.result["rows"], again.result["created"], again.result["refused"]) == ("done", 50, 49, 1)
    assert (len(_all(runtime)), changes) == (49, 49)
    assert len(_refused(runtime, again)) == 2


@pytest.mark.parametrize(
    ("columns", "field", "why"),
    [
        ([{"role": "name"}, {"role": "ignore"}], "column.0", "which column has the phone number"),
        ([{"role": "phone"}, {"role": "phone"}], "column.1", "Column 1 is 'Phone number' already"),
        (
            [{"role": "phone"}, {"role": "attribute", "attribute": "2", "type": "text"}],
            "column.1",
            "cannot be an attribute",
        ),
        ([{"role": "phone"}, {"role": "attribute", "attribute": "a", "type": "colour"}], "column.1", "no type"),
        ([{"role": "phone"}, {"role": "shoe"}], "column.1", "nothing that a column can be"),
    ],
)
def test_columns_that_make_no_sense_are_refused_where_they_stand(
    runtime: Runtime, columns: list[dict[str, Any]], field: str, why: str
) -> None:
    with pytest.raises(Refused) as refused:
        _import(runtime, "phone,x\n+48501234211,1\n", columns=columns)
    assert refused.value.field == field
    assert why in str(refused.value)


def test_an_attribute_keeps_its_type(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        customers.add_attribute(session, "x", "text", at=runtime.clock.now())
    with pytest.raises(Refused, match="is a text already"):
        _import(
            runtime,
            "phone,x\n+48501234211,1\n",
            columns=[{"role": "phone"}, {"role": "attribute", "attribute": "x", "type": "number"}],
        )


@pytest.mark.parametrize(
    ("data", "why"), [(b"", "is empty"), (b"\xff\xfe", "is empty"), (b"\x89PNG\x00\x01\x02" * 99, "not a table")]
)
def test_a_file_that_is_no_table_is_refused(runtime: Runtime, data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        _import(runtime, data)


def test_the_first_rows_are_shown_as_they_would_be_read(runtime: Runtime) -> None:
    table = read_table(b"phone,name\n501234211,Anna\nx,Ben\n501234213,Cleo\n", "a.csv")
    seen = importing.preview(table, [cols.Column("phone"), cols.Column("name")], "PL")
    assert [(record.phone, record.profile) for record in seen.records] == [
        ("+48501234211", {"name": "Anna"}),
        ("+48501234213", {"name": "Cleo"}),
    ]
    assert [line for line, _ in seen.refused] == [3]


def test_signs_that_mean_something_elsewhere_are_kept_as_they_are(runtime: Runtime) -> None:
    """In every value of a row, and in the names of columns."""
    signs = ["'; DROP TABLE customer; --", "%_", "{}[]$.a", "\\N\\t", '"quoted"', "a;b|c", "$1 :name ?"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "phone", "name", "Robert'); DROP TABLE customer;--"])
    for number, sign in enumerate(signs):
        writer.writerow([sign, f"+4850123421{number}", sign, sign])
    job = _import(runtime, text.getvalue())
    assert (job.state, job.result["created"], job.result["refused"]) == ("done", len(signs), 0)
    found = _all(runtime)
    assert [(each.source_id, each.name) for each in found] == [(sign, sign) for sign in signs]
    assert [each.attributes for each in found] == [{"robert_drop_table_customer": sign} for sign in signs]
    assert _import(runtime, text.getvalue()).result["unchanged"] == len(signs)


def test_a_file_whose_columns_nobody_knows_makes_attributes_of_them(runtime: Runtime) -> None:
    guessed = _guessed(runtime, "Mobile,Shoe size,Emial,???\n+48501234211,42,a@b.example,x\n")
    assert [(column.role, column.attribute) for column in guessed] == [
        ("phone", None),
        ("attribute", "shoe_size"),
        ("attribute", "emial"),
        ("ignore", None),
    ]


def test_a_row_whose_cells_are_shifted_by_a_comma_in_one_is_told(runtime: Runtime) -> None:
    """Its city would be what stands behind the comma in the name."""
    text = 'phone,name,city\n+48501234211,"Lis, Anna",Gdynia\n+48501234212,Nowak, Jan,Sopot\n+48501234213,Ewa,Hel,,\n'
    seen = importing.preview(read_table(text.encode(), "people.csv"), _guessed(runtime, text), "PL")
    assert [(line, why[:30]) for line, why in seen.refused] == [(3, "The row has more cells than th")]
    job = _import(runtime, text)
    assert (job.result["created"], job.result["refused"]) == (2, 1)
    _, row = _refused(runtime, job)
    assert row[:4] == ["+48501234212", "Nowak", "Jan", "Sopot"]
