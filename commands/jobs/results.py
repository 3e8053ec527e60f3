"""What each kind of job is called while it runs, and what it says at its end: one entry a kind.

A kind without an entry is shown by its name and its result's numbers; one whose jobs have no channel is never shown.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from commands.groups.words import not_taken
from commands.ui.text import count, escape, number
from distribution.codes.export import parts
from distribution.codes.intake import leftovers_csv
from distribution.codes.lots import summary
from distribution.customers.importing import refused_csv
from distribution.runtime import Runtime
from storage.tables import PromoCodeGroup, Segment

Data = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A file for the thread under the result. `lines` reads its text, some lines at a time: it may be long."""

    name: str
    lines: Callable[[Runtime], Iterable[str]]
    title: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended: mrkdwn, `/promo …` commands that its buttons run by their label, and a file."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    file: File | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of job: `title` from its arguments ("Importing codes into 'Summer'"), `outcome` from its result.

    `broken`, also from its arguments: what was done by a job that was cancelled or failed, and stays.
    """

    title: Callable[[Session, Data], str]
    outcome: Callable[[Session, Data, Data], Outcome]
    broken: Callable[[Session, Data], Outcome] | None = None


def _group(session: Session, args: Data) -> str:
    """The name of the group that a job works on, escaped and in quotes."""
    group = session.get(PromoCodeGroup, args.get("group_id"))
    return f"'{escape(group.name)}'" if group else "a deleted group"


def _codes_added(session: Session, args: Data, result: Data) -> Outcome:
    """After codes were generated or imported."""
    return _added(session, result, f"{count(result['inserted'], 'code')} added to {_group(session, result)}.")


def _codes_so_far(session: Session, args: Data) -> Outcome:
    """After generating or importing codes was cancelled, or failed."""
    result = summary(session, args["lot_id"]).as_result()
    if not result["inserted"] and not result["duplicated"] + result["discarded"]:
        return Outcome("No code was added.")
    said = f"{count(result['inserted'], 'code')} had been added to {_group(session, result)} and can be used."
    return _added(session, result, said)


def _added(session: Session, result: Data, said: str) -> Outcome:
    """What became of an addition, and the lines that it did not take as a file."""
    lines, file = [said], None
    if result["duplicated"] + result["discarded"]:
        left = not_taken(result["duplicated"], result["repeated"], result["discarded"])
        lines.append(_not_taken(left))
        file = File("not-taken.csv", partial(_leftovers, result["lot_id"]), "Lines that were not taken")
    if result.get("note"):
        lines.append(escape(result["note"]))
    group = session.get(PromoCodeGroup, result["group_id"])
    buttons = (("Open the group", f"groups {group.name}"),) if group and group.deleted_at is None else ()
    return Outcome("\n".join(lines), buttons, file)


def _leftovers(lot_id: int, runtime: Runtime) -> Iterable[str]:
    """The lines that an addition did not take."""
    with runtime.db.read() as session:
        yield from leftovers_csv(session, lot_id)


def _codes_exported(session: Session, args: Data, result: Data) -> Outcome:
    """After a group's codes were written down."""
    name = re.sub(r"[^\w%+-]+", "-", result["group"]).strip("-") or "codes"
    file = File(f"{name}.csv", lambda runtime: parts(runtime, result["parts"]), f"The codes of '{result['group']}'")
    return Outcome(f"{count(result['codes'], 'code')}. The CSV is in this thread.", file=file)


def _not_taken(what: str) -> str:
    """How many were not taken, and where it is said why."""
    return f"Not taken: {what}. The file in this thread says why, line by line."


def _refused(
    session: Session, result: Data, noun: str, title: str, names: list[str] | None = None
) -> tuple[list[str], File | None]:
    """What to say of the rows of a file that were not taken, and they themselves as a file; nothing where all were.

    `noun`: what a row is called; `names`: its columns, else the file's own. The file is no longer than was uploaded.
    """
    if not result["refused"]:
        return [], None
    content = (refused_csv(session, result["job_id"], names or result["names"]) or b"").decode("utf-8")
    return [_not_taken(count(result["refused"], noun))], File("not-taken.csv", lambda _runtime: [content], title)


def _customers_imported(session: Session, args: Data, result: Data) -> Outcome:
    """After a file of customers was imported."""
    file = f"'{escape(result['filename'])}'"
    lines = [
        f"{count(result['rows'], 'row')} of {file} read: {count(result['created'], 'new customer')}, "
        f"{number(result['updated'])} updated, {number(result['unchanged'])} unchanged."
    ]
    if result["kept_opt_out"]:
        lines.append(f"{count(result['kept_opt_out'], 'row')} of customers who opted out: they stay opted out.")
    refused, rejected = _refused(session, result, "row", "Rows that were not taken")
    return Outcome("\n".join([*lines, *refused]), (("Open customers", "customers"),), rejected)


MEMBERS_TITLES = {
    "add": "Adding to the segment {} from {}",
    "remove": "Taking off the segment {} by {}",
    "replace": "Replacing the members of {} by {}",
}


def _members_title(_session: Session, args: Data) -> str:
    """What a job does with a file of members."""
    return MEMBERS_TITLES[args["how"]].format(f"'{escape(args['name'])}'", f"'{escape(args['filename'])}'")


def _members_changed(session: Session, args: Data, result: Data) -> Outcome:
    """After a file of members was read."""
    found, lines = result["found"], count(result["lines"], "line")
    said = [f"{lines} read: {count(found, 'customer')} found. The segment has {count(result['members'], 'member')}."]
    if args["how"] == "replace" and not found:
        said = [f"{lines} read: nobody on it is a customer, so the segment stays as it was."]
    refused, file = _refused(session, result, "line", "Lines that were not taken", ["Number or source id"])
    segment = session.get(Segment, result["segment_id"])
    buttons = (("Open the segment", f"segments {segment.name}"),) if segment and segment.deleted_at is None else ()
    return Outcome("\n".join([*said, *refused]), buttons, file)


def _redemptions_imported(session: Session, args: Data, result: Data) -> Outcome:
    """After a file of redemptions was imported."""
    file = f"'{escape(result['filename'])}'"
    lines = [f"{count(result['rows'], 'row')} of {file} read: {count(result['redeemed'], 'code')} redeemed."]
    if result["again"]:
        lines.append(f"{count(result['again'], 'use')} recorded before: nothing changed.")
    if result["respelled"]:
        lines.append(f"{count(result['respelled'], 'code')} written in another case: found all the same.")
    refused, rejected = _refused(session, result, "row", "Redemptions that were not taken")
    return Outcome("\n".join([*lines, *refused]), (("Look up a code", "codes"),), rejected)


def _events_imported(session: Session, args: Data, result: Data) -> Outcome:
    """After a file of events was imported."""
    file = f"'{escape(result['filename'])}'"
    lines = [f"{count(result['rows'], 'row')} of {file} read: {count(result['recorded'], 'event')} recorded."]
    if result["again"]:
        lines.append(f"{count(result['again'], 'event')} recorded before: nothing changed.")
    refused, rejected = _refused(session, result, "row", "Events that were not taken")
    return Outcome("\n".join([*lines, *refused]), (("Open customers", "customers"),), rejected)


KINDS: dict[str, Kind] = {
    "generate_codes": Kind(
        lambda session, args: f"Generating {count(args['count'], 'code')} for {_group(session, args)}",
        _codes_added,
        _codes_so_far,
    ),
    "import_codes": Kind(
        lambda session, args: f"Importing codes into {_group(session, args)}", _codes_added, _codes_so_far
    ),
    "export_codes": Kind(lambda session, args: f"Exporting the codes of {_group(session, args)}", _codes_exported),
    "import_customers": Kind(
        lambda _session, args: f"Importing customers from '{escape(args['filename'])}'", _customers_imported
    ),
    "import_events": Kind(
        lambda _session, args: f"Importing events from '{escape(args['filename'])}'", _events_imported
    ),
    "import_redemptions": Kind(
        lambda _session, args: f"Importing redemptions from '{escape(args['filename'])}'", _redemptions_imported
    ),
    "segment_members": Kind(_members_title, _members_changed),
    "delete_codes": Kind(
        lambda session, args: f"Removing the active codes of {_group(session, args)}",
        lambda _session, _args, result: Outcome(f"{count(result['removed'], 'active code')} removed."),
    ),
}


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _numbers(_session: Session, _args: Data, result: Data) -> Outcome:
    """The numbers of a result that has no formatter."""
    found = [f"{number(value)} {key.replace('_', ' ')}" for key, value in result.items() if isinstance(value, int)]
    return Outcome(" · ".join(found) or "Done.")


def kind_of(name: str) -> Kind:
    """The entry of a kind, or the general one."""
    return KINDS.get(name) or Kind(lambda _session, _args: _words(name), _numbers)
