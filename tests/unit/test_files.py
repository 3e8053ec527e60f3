"""Tables that people hand over, whatever they were saved as."""

import csv
import io
import zipfile
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution import files
from distribution.errors import Refused
from distribution.files import Row, read_table

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def xlsx(cells: dict[str, str | float], *, padding: int = 0) -> bytes:
    """A spreadsheet with these cells ("B3": "code"); `padding` bytes of zeros make it large once unpacked."""
    by_row: dict[str, str] = {}
    for name, value in cells.items():
        row = name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        cell = (
            f'<c r="{name}"><v>{value}</v></c>'
            if isinstance(value, int | float)
            else f'<c r="{name}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        )
        by_row[row] = by_row.get(row, "") + cell
    rows = "".join(f'<row r="{row}">{inside}</row>' for row, inside in by_row.items())
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
        '<sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(path, f'<?xml version="1.0"?>{content}')
        if padding:
            archive.writestr("xl/media/padding.bin", b"\0" * padding)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_read_in_the_encodings_that_spreadsheets_save(encoding: str) -> None:
    table = read_table("name;phone\nJosé Müller;+48732100218\n".encode(encoding), "customers.csv")
    assert table.head == ("name", "phone")
    assert list(table.rows()) == [Row(2, ("José Müller", "+48732100218"))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_delimiter_is_guessed(delimiter: str, ending: str) -> None:
    text = ending.join(delimiter.join(row) for row in (("name", "city"), ("Anna", "Oslo, Norway"[:4]), ("Bo", "Bonn")))
    assert [row.values for row in read_table(text.encode(), "x.csv").rows()] == [("Anna", "Oslo"), ("Bo", "Bonn")]


@given(
    st.lists(
        st.tuples(*[st.text(st.sampled_from("ab1 ,;\"'é\n"), max_size=6).map(str.strip)] * 3).filter(any),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(",;"),
)
def test_what_a_spreadsheet_wrote_is_read_as_it_was(cells: list[tuple[str, str, str]], delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("name", "phone", "city"), *cells])
    table = read_table(out.getvalue().encode(), "x.csv")
    assert [row.values for row in table.rows()] == cells


def test_lines_of_codes_are_one_column_and_keep_their_line_numbers() -> None:
    table = read_table(b"\n A1 \n\nB2\nC3\n", "codes.txt")
    assert list(table.rows()) == [Row(2, ("A1",)), Row(4, ("B2",)), Row(5, ("C3",))]
    assert list(table.rows(after=2)) == [Row(4, ("B2",)), Row(5, ("C3",))]
    assert table.column_names() == ["Column 1"]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"code\rA1\rB2\r", [Row(2, ("A1",)), Row(3, ("B2",))]),
        (b'code,n\rA1,"1\r2"\rB2,3', [Row(2, ("A1", "1\r2")), Row(4, ("B2", "3"))]),
    ],
)
def test_lines_may_end_as_an_old_macs_do(data: bytes, rows: list[Row]) -> None:
    """Excel still offers that: "CSV (Macintosh)"."""
    assert list(read_table(data, "codes.csv").rows()) == rows


def test_a_resumed_read_goes_on_below_the_heading() -> None:
    table = read_table(b"code,n\nA1,1\nB2,2\n", "codes.csv")
    assert [row[0] for row in table.rows(after=2)] == ["B2"]
    assert [row[0] for row in table.rows(after=0)] == ["A1", "B2"]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("code\nABC\n", ("code",)),
        ("Promo_Code\nABC\n", ("Promo_Code",)),
        ("ABC\nDEF\n", None),
        ("client,tel\nAnna,+48732100218\n", ("client", "tel")),
        ("Anna,+48732100218\nBo,+48732100219\n", None),
        ("Anna,Oslo\nBo,Bonn\n", None),
        ("name,name\nAnna,Oslo\n", None),
    ],
)
def test_a_heading_is_told_from_a_first_row(text: str, head: tuple[str, ...] | None) -> None:
    assert read_table(text.encode(), "x.csv").head == head


def test_a_spreadsheet_is_read_with_its_own_row_numbers() -> None:
    table = read_table(
        xlsx({"B3": "code", "C3": "phone", "B4": "A&1", "C4": 48732100218, "B6": "A2", "C6": 1.5}), "x.xlsx"
    )
    assert table.head == ("code", "phone")
    assert list(table.rows()) == [Row(4, ("A&1", "48732100218")), Row(6, ("A2", "1.5"))]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "'x' is empty"),
        (b" \r\n\n\t", "'x' is empty"),
        (b"\xff\xfe\n\x00", "'x' is empty"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x00\x01\x02", "'x' is not a table"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "'x' is not a table"),
        (b"\x81\x8d\x8f\x90\x9d", "'x' is not a table"),
        (b"PK\x03\x04 and nothing more", "'x' is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and nothing more", "'x' is not a spreadsheet"),
        (xlsx({}), "'x' is empty"),
        (b",".join([b"a"] * 201), "'x' has 201 columns; up to 200 can be read"),
        (b'code,n\n"A1,1\n' + b"B2,2\n" * 40_000, "cannot be read from line 2 on"),
        (b'code,n\nA1,1\nB2,"2\nC3,3\n', "cannot be read from line 3 on: a quote is not closed there"),
        (b'code,n\nA1,1\nB2,"2', "cannot be read from line 3 on: a quote is not closed there"),
    ],
)
def test_what_is_no_table_is_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        list(read_table(data, "x").rows())
    assert refusal.value.field == "file"


def test_any_other_archive_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(Refused, match="is not a spreadsheet"):
        read_table(out.getvalue(), "letters.zip")


def test_ten_megabytes_are_read_and_more_than_the_limit_is_not() -> None:
    ten = b"".join(b"CODE%012d\n" % number for number in range(630_000))
    table = read_table(ten, "codes.txt")
    assert len(ten) > 10 * 1024 * 1024 and sum(1 for _ in table.rows()) == 630_000
    with pytest.raises(Refused, match=r"has 65 MB; up to 64 MB can be read\. Split it\."):
        read_table(b"x" * (65 * 1024 * 1024), "codes.txt")


def test_a_spreadsheet_that_is_small_only_while_packed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED_MAX", 1024 * 1024)
    with pytest.raises(Refused, match="too large once unpacked"):
        read_table(xlsx({"A1": "code", "A2": "X1"}, padding=2 * 1024 * 1024), "x.xlsx")
