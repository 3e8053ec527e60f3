"""Tables that people hand over: CSV, TXT, XLSX, XLS, ODS, whatever the delimiter and the encoding."""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import TextIO

from python_calamine import CalamineError, CalamineWorkbook

from distribution.errors import Refused
from storage.names import fold

# A million customers, or three million codes; kept in the database until the job is done, so not more than that.
FILE_MAX = 64 * 1024 * 1024
FILE_MAX_WORDS = "64 MB"
# A spreadsheet is compressed: what it may grow to.
UNPACKED_MAX = 512 * 1024 * 1024
COLUMNS_MAX = 200
PART = 1024 * 1024  # bytes that are decoded at a time
SAMPLE = 50

DELIMITERS = ",;\t|"
END = "\x00"  # after a text's last line: what no text has in it (`_decode`)
# First cells that say what stands below them, in any file that people hand over.
KNOWN_HEADS = frozenset(
    """code|codes|promo code|promo codes|promocode|promocodes|coupon|coupon code|coupons|voucher|voucher code|vouchers
    |discount code|name|first name|last name|full name|customer|phone|phone number|telephone|mobile|msisdn|number
    |email|city|country|time zone|timezone|consent|language""".replace("\n    ", "").split("|")
)
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

Cell = str | int | float | bool | date | time | datetime | timedelta


@dataclass(frozen=True)
class Row:
    """One row: where it begins in the file (from 1), and its cells as text without spaces around them."""

    line: int
    values: tuple[str, ...]

    def __getitem__(self, column: int) -> str:
        """The cell of a column (from 0), empty where the row is too short."""
        return self.values[column] if column < len(self.values) else ""


@dataclass(frozen=True)
class Table:
    """A file's rows, read as they are asked for, and what its first rows tell.

    `head` names the columns where the first row is a heading, else None. `width` is the largest number of cells in the
    first rows. `sample` is the first rows below the heading.
    """

    filename: str
    head: tuple[str, ...] | None
    width: int
    sample: tuple[Row, ...]
    _read: Callable[[], Iterator[Row]]

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Rows below the heading that begin after line `after`; empty ones are left out.

        Raises `Refused` at a row that cannot be read, naming its line.
        """
        body = self._read()
        if self.head is not None:
            next(body, None)
        return (row for row in body if row.line > after) if after else body

    def check(self, row: Row, read: Collection[int]) -> None:
        """Raise `Refused` where a row has a value beyond the columns that have a heading, and that is not `read` (from
        0): the mark between cells stands in a value, and what follows it is in the wrong column."""
        known = self.width if self.head is None else len(self.head)
        if any(value and at not in read for at, value in enumerate(row.values[known:], known)):
            raise Refused(
                f"The row has more cells than the {known} columns there are. A value that holds the mark between cells "
                'belongs in quotes: "59,90".'
            )

    def column_names(self) -> list[str]:
        """A name for each column: its heading, or "Column 2"."""
        head = self.head or ()
        return [(head[at] if at < len(head) else "") or f"Column {at + 1}" for at in range(self.width)]


def read_table(data: bytes, filename: str) -> Table:
    """Read a file's first rows and find out what it is.

    Text is UTF-8, UTF-16 (with or without a mark), or else Windows-1252; cells stand apart by comma, semicolon, tab or
    |, or each line is one cell. Of a spreadsheet, the first sheet that holds anything is read. Raises `Refused` (field
    "file") when the file is empty, larger than `FILE_MAX`, or no table.
    """
    if len(data) > FILE_MAX:
        raise _refused(filename, f"has {len(data) / 1024 / 1024:.0f} MB; up to {FILE_MAX_WORDS} can be read. Split it")
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise _refused(filename, "is empty. Choose a file with at least one row")
    read = _spreadsheet(data, filename) if data.startswith(_SPREADSHEETS) else _text(data, filename)
    first = list(islice(read(), SAMPLE + 1))
    if not first:
        raise _refused(filename, "is empty. Choose a file with at least one row")
    width = max(len(row.values) for row in first)
    if width > COLUMNS_MAX:
        raise _refused(filename, f"has {width} columns; up to {COLUMNS_MAX} can be read")
    head = first[0].values if _is_head(first[0], first[1:]) else None
    return Table(filename, head, width, tuple(first[1:] if head else first[:SAMPLE]), read)


def _refused(filename: str, what: str) -> Refused:
    return Refused(f"'{filename}' {what}.", field="file")


def _is_head(first: Row, below: Sequence[Row]) -> bool:
    """Whether the first row names the columns: words of its own, unlike what stands below."""
    cells = [fold(cell) for cell in first.values if cell]
    if not cells or len(set(cells)) < len(cells) or any(re.search(r"\d|@", cell) for cell in cells):
        return False
    if any(cell.replace("_", " ").replace("-", " ") in KNOWN_HEADS for cell in cells):
        return True
    return any(
        below and all(re.search(r"\d|@", row[at]) for row in below if row[at]) and any(row[at] for row in below)
        for at in range(len(first.values))
    )


def _text(data: bytes, filename: str) -> Callable[[], Iterator[Row]]:
    """Rows of a text, decoded as they are read: a file of any length takes no more memory than its bytes."""
    encoding = _encoding(data, filename)

    def lines(newline: str | None) -> TextIO:
        return io.TextIOWrapper(io.BytesIO(data), encoding, newline=newline)

    delimiter = _delimiter("".join(islice(lines(None), 200)))

    def read() -> Iterator[Row]:
        if delimiter is None:
            for line, cell in enumerate(lines(None), 1):
                if cell.strip():
                    yield Row(line, (cell.strip(),))
            return
        reader = csv.reader(chain(lines(""), [END]), delimiter=delimiter, skipinitialspace=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except csv.Error as error:
                raise _refused(
                    filename, f"cannot be read from line {line} on ({error}); a quote may not be closed there"
                ) from None
            if cells == [END]:
                return
            if cells and END in cells[-1]:  # or the rest of the file would be one cell, and nobody told of its rows
                raise _refused(filename, f"cannot be read from line {line} on: a quote is not closed there")
            values = tuple([cell.strip() for cell in cells])
            if any(values):
                yield Row(line, values)

    return read


def _encoding(data: bytes, filename: str) -> str:
    """How the file's text is encoded. Raises `Refused` where it is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in data[:200]:
        # Without a mark: in Western text every second byte is zero, the first of each pair when it is big-endian.
        encodings = ["utf-16-be" if data[:1] == b"\x00" else "utf-16-le"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            _decode(data, encoding)
        except UnicodeDecodeError:
            continue
        first = io.TextIOWrapper(io.BytesIO(data), encoding, newline="").read(2000)
        odd = sum(not (char.isprintable() or char.isspace()) for char in first)
        if odd <= len(first) // 100:
            return encoding
    raise _refused(filename, "is not a table. Save it as CSV, TXT or XLSX")


def _decode(data: bytes, encoding: str) -> None:
    """Decode all of it, a part at a time. Raises `UnicodeDecodeError` where it is no such text, or holds a NUL."""
    decoder, view = codecs.getincrementaldecoder(encoding)(), memoryview(data)
    for start in range(0, len(data), PART):
        part = decoder.decode(view[start : start + PART], start + PART >= len(data))
        if "\x00" in part:
            raise UnicodeDecodeError(encoding, b"\x00", 0, 1, "not text")


def _delimiter(text: str) -> str | None:
    """What stands between cells: the mark that splits the first lines most evenly; None where no mark does."""
    lines = [line for line in islice(io.StringIO(text), 200) if line.strip()][:SAMPLE]
    best, best_score = None, 0.0
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            continue
        split = [width for width in widths if width > 1]
        if not split:
            continue
        usual = max(set(split), key=split.count)
        score = split.count(usual) / len(widths) * (1 + usual / 1000)
        if score > best_score:
            best, best_score = delimiter, score
    # A mark that only some lines hold belongs to their text.
    if best and best_score >= 0.5:
        return best
    return "," if '"' in text[:2000] else None


def _spreadsheet(data: bytes, filename: str) -> Callable[[], Iterator[Row]]:
    if data.startswith(b"PK"):
        try:
            unpacked = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(data)).infolist())
        except zipfile.BadZipFile:
            raise _refused(filename, "is damaged. Save it again, or as CSV") from None
        if unpacked > UNPACKED_MAX:
            raise _refused(filename, f"is too large once unpacked ({unpacked // 1024 // 1024} MB). Split it")
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
    except (CalamineError, OSError, ValueError):
        raise _refused(
            filename, "is not a spreadsheet that can be read. Save it as XLSX without a password, or as CSV"
        ) from None
    sheet = next((sheet for sheet in sheets if sheet.height and sheet.width), None)

    def read() -> Iterator[Row]:
        if sheet is None:
            return
        for line, cells in enumerate(sheet.iter_rows(), 1):
            values = tuple(map(_cell, cells))
            if any(values):
                yield Row(line, values)

    return read


def _cell(value: Cell) -> str:
    """A spreadsheet's cell as a person sees it: 48123456789.0 is the number 48123456789."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).replace("\x00", "").strip()  # PostgreSQL stores no NUL
