"""Files that people handed over, kept in the database until the work on them is done.

The database, because any process may run that work; a file is written once and read whole, and its size is limited
(`distribution.files.FILE_MAX`).
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.sequences import take
from storage.tables import Upload


def keep(session: Session, name: str, data: bytes, *, by: str, now: datetime) -> int:
    """Store a file; returns its id, which no other file ever gets (SQLite gives a dropped row's id out again)."""
    upload = Upload(id=take(session, "upload", 1), name=name, data=data, created_by=by, created_at=now)
    session.add(upload)
    session.flush()
    return upload.id


def read(session: Session, upload_id: int) -> tuple[str, bytes] | None:
    """A stored file's name and bytes; None once it was dropped."""
    row = session.execute(select(Upload.name, Upload.data).where(Upload.id == upload_id)).first()
    return (row[0], row[1]) if row else None


def name(session: Session, upload_id: int) -> str | None:
    """A stored file's name, without reading it; None once it was dropped."""
    return session.scalar(select(Upload.name).where(Upload.id == upload_id))


def drop(session: Session, upload_id: int) -> None:
    """Remove a file that nothing needs any more."""
    session.execute(delete(Upload).where(Upload.id == upload_id))


def drop_before(session: Session, moment: datetime) -> None:
    """Remove files older than `moment`: handed over in a modal that was then closed."""
    session.execute(delete(Upload).where(Upload.created_at < moment))
