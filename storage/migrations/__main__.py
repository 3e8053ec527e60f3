"""`python -m storage.migrations "why"`: write the next migration from what the tables say beyond the newest one.

Alembic compares with an empty SQLite database at the newest migration; read what it wrote before committing it. It does
not see changed CHECK constraints.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from storage.database import Database
from storage.schema import migrations


def main(message: str) -> None:
    """Write the migration, numbered after the last one."""
    folder = Path(__file__).parent / "versions"
    number = len(list(folder.glob("[0-9]*.py"))) + 1
    with tempfile.TemporaryDirectory() as scratch:
        db = Database(f"sqlite:///{scratch}/empty.db")
        db.upgrade()
        with db.engine.connect() as connection:
            command.revision(migrations(connection), message, autogenerate=True, rev_id=f"{number:04}")
        db.close()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or sys.exit('Say why: python -m storage.migrations "a customer may have two numbers"'))
