"""What people are called where a row has an id."""

import pytest

from distribution.team import called
from storage.database import Database
from storage.tables import TeamMember


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("U0MAYA", "Maya Lind"),
        ("import of a by b.csv by U0MAYA", "import of a by b.csv by Maya Lind"),
        ("U0GONE", "U0GONE"),
        ("api:shop U0", "api:shop U0"),
        ("", ""),
    ],
)
def test_a_person_is_called_by_name_and_a_system_as_it_is(db: Database, by: str, words: str) -> None:
    with db.write() as session:
        session.add(TeamMember(user_id="U0MAYA", name="Maya Lind", role="marketer"))
        session.flush()
        assert called(session, by) == words
