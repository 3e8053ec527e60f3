"""What became of an addition of codes to a group."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from distribution.errors import Refused
from storage import groups as rows
from storage.tables import PromoCodeGroup, PromoCodeLot


@dataclass(frozen=True)
class Added:
    """An addition's numbers. With a `job_id` the work goes on in that job, and these are not final.

    `repeated`: those of the duplicated that repeat an earlier line; the others exist in the database.
    `wanted` is how many were asked for (None for codes from outside). `note` says in words why fewer were made.
    """

    group_id: int
    group: str
    lot_id: int
    inserted: int = 0
    duplicated: int = 0
    repeated: int = 0
    discarded: int = 0
    wanted: int | None = None
    note: str | None = None
    job_id: int | None = None

    def as_result(self) -> dict[str, Any]:
        """The result of a job, as JSON."""
        return {
            "group_id": self.group_id,
            "group": self.group,
            "lot_id": self.lot_id,
            "inserted": self.inserted,
            "duplicated": self.duplicated,
            "repeated": self.repeated,
            "discarded": self.discarded,
            "wanted": self.wanted,
            "note": self.note,
        }


def summary(
    session: Session, lot_id: int, *, wanted: int | None = None, note: str | None = None, job_id: int | None = None
) -> Added:
    """What a lot's row says now."""
    lot = session.get_one(PromoCodeLot, lot_id, populate_existing=True)
    group = session.get_one(PromoCodeGroup, lot.group_id)
    return Added(
        group.id,
        group.name,
        lot.id,
        lot.inserted,
        lot.duplicated,
        lot.repeated,
        lot.discarded,
        wanted,
        note,
        job_id,
    )


def open_group(session: Session, group_id: int) -> PromoCodeGroup:
    """The group to add codes to, held against deletion until the transaction ends. Raises `Refused`."""
    found = rows.get(session, group_id, lock=True)
    if found is None:
        raise Refused("This promo code group was deleted. What was added before is gone with it.")
    return found[0]
