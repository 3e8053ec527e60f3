"""Lists of values that are too long for an input: kept as stored files while a segment is being built.

An input holds 3,000 characters, a rule 10,000 values. So a list out of a file, and one that was pasted and is long,
goes into a stored file (`storage.uploads`), and the builder shows how many values it has. What is never saved is
dropped after a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands.segments import draft as drafts
from commands.segments import reading
from commands.segments.draft import Draft, Row
from commands.uploads import fetch
from distribution.errors import Refused
from distribution.files import read_table
from distribution.runtime import Runtime
from distribution.segments.asking import Known
from distribution.segments.values import LIST_LIMIT
from storage import uploads
from storage.names import fold

# A pasted list up to this stays in its input.
SHORT = 1_000
FILE_MAX = 4 * 1024 * 1024
KEPT = timedelta(days=1)


def take_in(
    runtime: Runtime, client: WebClient, view: Mapping[str, Any], draft: Draft, known: Known, *, by: str, typing: int
) -> tuple[Draft, dict[int, str]]:
    """Put the lists of files, and long ones that were pasted, where they are kept. Takes requests to Slack.

    `typing`: the row that somebody types into just now: it is left alone. Returns the draft, and by row why its file
    could not be read.
    """
    problems: dict[int, str] = {}
    found = list(reading.uploaded(view))
    for uploaded in found:
        row = next((each for each in draft.rows if each.id == uploaded.row), None)
        if row is None or drafts.shape(draft, row, known) != drafts.LINES:
            continue
        try:
            values = _values(client, uploaded.file, row)
        except Refused as refusal:
            problems[row.id] = str(refusal)
        else:
            draft = _keep(runtime, draft, row, values, by=by)
    if problems:  # the file's input is given anew, empty
        draft = replace(draft, last=draft.last + 1)
    for row in draft.rows:
        if row.id != typing:
            draft = _if_long(runtime, draft, row, known, by=by)
    return draft, problems


def with_stored(runtime: Runtime, draft: Draft, known: Known, *, by: str) -> Draft:
    """A draft of stored rules, its long lists put where the builder keeps them."""
    for row in draft.rows:
        draft = _if_long(runtime, draft, row, known, by=by)
    return draft


def lists(session: Session, draft: Draft) -> dict[int, list[str]]:
    """The values of rows whose lists are in stored files; of a file that is gone, none."""
    kept = {row.id: uploads.read(session, row.upload) for row in draft.rows if row.upload is not None}
    return {row_id: found[1].decode().splitlines() if found else [] for row_id, found in kept.items()}


def filled(draft: Draft, given: Mapping[int, Sequence[str]]) -> Draft:
    """A draft with the values of stored lists in their rows, for its rules."""
    rows = [replace(row, value="\n".join(given[row.id])) if row.id in given else row for row in draft.rows]
    return replace(draft, rows=tuple(rows))


def _values(client: WebClient, file: Mapping[str, Any], row: Row) -> list[str]:
    """The values in a file: of the column that is called as the row's field, else of the first. Raises `Refused`."""
    upload = fetch(client, str(file["id"]), largest=FILE_MAX, field="file")
    table = read_table(upload.data, upload.name)
    head = [fold(name) for name in table.head or ()]
    wanted = fold((row.name or row.field).replace("_", " "))
    column = next((at for at, name in enumerate(head) if name.replace("_", " ") == wanted), 0)
    values = list(dict.fromkeys(" ".join(line[column].split()) for line in table.rows() if line[column]))
    if not values:
        raise Refused(f"'{upload.name}' has no values in its first column.", field="file")
    if len(values) > LIST_LIMIT:
        raise Refused(f"'{upload.name}' has {len(values):,} values; a list may have {LIST_LIMIT:,}.", field="file")
    return values


def _if_long(runtime: Runtime, draft: Draft, row: Row, known: Known, *, by: str) -> Draft:
    """The draft, with a list that is long for an input put where it is kept."""
    if row.upload is not None or len(row.value) <= SHORT or drafts.shape(draft, row, known) != drafts.LINES:
        return draft
    return _keep(runtime, draft, row, [line.strip() for line in row.value.splitlines() if line.strip()], by=by)


def _keep(runtime: Runtime, draft: Draft, row: Row, values: Sequence[str], *, by: str) -> Draft:
    """Keep a row's values, and let the row say where."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        uploads.drop_before(session, now - KEPT)
        upload = uploads.keep(session, "values.txt", "\n".join(values).encode(), by=by, now=now)
    return drafts.with_list(draft, row.id, upload)
