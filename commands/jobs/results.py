"""What each kind of job is called while it runs, and what it says at its end: one entry a kind.

A kind without an entry is shown by its name and its result's numbers; one whose jobs have no channel is never shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from commands.ui.text import count, escape, number
from distribution.codes.intake import leftovers_csv
from distribution.customers.importing import refused_csv
from storage.tables import PromoCodeGroup, Segment

Data = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A file for the thread under the result."""

    name: str
    content: str
    title: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended: mrkdwn, `/promo …` commands that its buttons run by their label, and a file."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    file: File | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of job: `title` from its arguments ("Importing codes into 'Summer'"), `outcome` from its result."""

    title: Callable[[Session, Data], str]
    outcome: Callable[[Session, Data, Data], Outcome]


def _group(session: Session, args: Data) -> str:
    """The name of the group that a job works on, escaped and in quotes."""
    group = session.get(PromoCodeGroup, args.get("group_id"))
    return f"'{escape(group.name)}'" if group else "a deleted group"


def _codes_added(session: Session, args: Data, result: Data) -> Outcome:
    """After codes were generated or imported."""
    lines = [f"{count(result['inserted'], 'code')} added to {_group(session, result)}."]
    left = result["duplicated"] + result["discarded"]
    if left:
        lines.append(
            f"Not taken: {number(result['duplicated'])} duplicated · {number(result['discarded'])} discarded. "
            "The file in this thread says why, line by line."
        )
    if result.get("note"):
        lines.append(escape(result["note"]))
    file = None
    if left:
        file = File("not-taken.csv", leftovers_csv(session, result["lot_id"]), "Lines that were not taken")
    group = session.get(PromoCodeGroup, result["group_id"])
    buttons = (("Open the group", f"groups {group.name}"),) if group and group.deleted_at is None else ()
    return Outcome("\n".join(lines), buttons, file)


def _customers_imported(session: Session, args: Data, result: Data) -> Outcome:
    """After a file of customers was imported."""
    file = f"'{escape(result['filename'])}'"
    lines = [
        f"{count(result['rows'], 'row')} of {file} read: {count(result['created'], 'new customer')}, "
        f"{number(result['updated'])} updated, {number(result['unchanged'])} unchanged."
    ]
    if result["kept_opt_out"]:
        lines.append(f"{count(result['kept_opt_out'], 'row')} of customers who opted out: they stay opted out.")
    rejected = None
    if result["refused"]:
        lines.append(f"Not taken: {count(result['refused'], 'row')}. The file in this thread says why, line by line.")
        content = refused_csv(session, result["job_id"], result["names"]) or b""
        rejected = File("not-taken.csv", content.decode("utf-8"), "Rows that were not taken")
    return Outcome("\n".join(lines), (("Open customers", "customers"),), rejected)


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
    content = None
    if result["refused"]:
        said.append(f"Not taken: {count(result['refused'], 'line')}. The file in this thread says why, line by line.")
        content = refused_csv(session, result["job_id"], ["Number or source id"]) or b""
    segment = session.get(Segment, result["segment_id"])
    buttons = (("Open the segment", f"segments {segment.name}"),) if segment and segment.deleted_at is None else ()
    file = File("not-taken.csv", content.decode("utf-8"), "Lines that were not taken") if content else None
    return Outcome("\n".join(said), buttons, file)


KINDS: dict[str, Kind] = {
    "generate_codes": Kind(
        lambda session, args: f"Generating {count(args['count'], 'code')} for {_group(session, args)}", _codes_added
    ),
    "import_codes": Kind(lambda session, args: f"Importing codes into {_group(session, args)}", _codes_added),
    "import_customers": Kind(
        lambda _session, args: f"Importing customers from '{escape(args['filename'])}'", _customers_imported
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
