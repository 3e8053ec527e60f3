"""A group's codes as a CSV."""

import csv
import io

from sqlalchemy.orm import Session

from storage import codes


def group_csv(session: Session, group_id: int) -> str:
    """All codes of a group in the order in which they are handed out: code, state, issued_at, redeemed_at (UTC).

    A million codes make some 40 MB and take a few seconds. Who has a code is not in it: a customer's profile says that.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("code", "state", "issued_at", "redeemed_at"))
    for code, state, issued_at, redeemed_at in codes.of_group(session, group_id):
        writer.writerow(
            (
                code,
                state.name.lower(),
                issued_at.isoformat() if issued_at else "",
                redeemed_at.isoformat() if redeemed_at else "",
            )
        )
    return out.getvalue()
