"""What a file leaves open is asked before it is imported, and the answers hold for every row."""

import pytest

from distribution.customers import columns as cols
from distribution.customers.columns import Column, read_row
from distribution.customers.questions import must_be_answered, questions
from distribution.errors import Refused
from distribution.files import Table, read_table


def _table(text: str) -> Table:
    return read_table(text.encode(), "spring.csv")


def test_dates_that_could_be_two_days_are_guessed_to_be_dates_and_asked_about() -> None:
    table = _table("phone,born\n+48501234211,03/04/1990\n+48501234212,05/06/1991\n")
    guessed = cols.guess(table, {})
    assert guessed[1] == Column("attribute", "born", "date")
    asked = questions(table, guessed)
    assert asked.two_days == "03/04/1990"
    with pytest.raises(Refused, match="Say what 03/04/1990 means") as refused:
        must_be_answered(asked, guessed)
    assert refused.value.field == "dates"
    must_be_answered(asked, [guessed[0], Column("attribute", "born", "date", "day")])


def test_a_column_that_has_the_day_first_somewhere_has_it_everywhere() -> None:
    table = _table("phone,born\n+48501234211,03/04/1990\n+48501234212,25/06/1991\n")
    guessed = cols.guess(table, {})
    assert guessed[1].order == "day"
    must_be_answered(questions(table, guessed), guessed)


@pytest.mark.parametrize(("order", "day"), [("day", "1990-04-03"), ("month", "1990-03-04")])
def test_the_answer_about_dates_holds_for_every_row(order: str, day: str) -> None:
    table = _table("phone,born\n+48501234211,03/04/1990\n+48501234212,1991-06-05\n+48501234213,25/13/1990\n")
    columns = [Column("phone"), Column("attribute", "born", "date", order)]
    rows = list(table.rows())
    assert read_row(rows[0], columns, "PL", ["phone", "born"]).attributes == {"born": day}
    assert read_row(rows[1], columns, "PL", ["phone", "born"]).attributes == {"born": "1991-06-05"}
    with pytest.raises(Refused, match=f"born: '25/13/1990' is no day with the {order} first"):
        read_row(rows[2], columns, "PL", ["phone", "born"])


def test_dates_in_both_orders_are_said_to_be_mixed() -> None:
    table = _table("phone,born\n+48501234211,25/04/1990\n+48501234212,04/25/1991\n")
    asked = questions(table, [Column("phone"), Column("attribute", "born", "date")])
    assert asked.two_days is None
    assert asked.notes == {1: "Mixed: 25/04/1990 has the day first, 04/25/1991 the month."}


def test_a_column_that_is_a_number_for_some_and_a_text_for_others_is_told() -> None:
    rows = "".join(f"+4850123421{number},{number},x\n" for number in range(9)) + "+48501234299,n/a,x\n"
    table = _table(f"phone,visits,note\n{rows}")
    guessed = cols.guess(table, {})
    assert guessed[1] == Column("attribute", "visits", "text")
    told = "9 of 10 values are numbers, 1 is not, such as 'n/a'."
    assert questions(table, guessed).notes == {1: f"{told} All are kept as text."}
    as_number = [guessed[0], Column("attribute", "visits", "number"), guessed[2]]
    assert questions(table, as_number).notes == {
        1: f"{told} Rows with those are refused; choose text to keep them all."
    }


def test_words_of_a_consent_column_that_say_nothing_are_asked_about_and_explained() -> None:
    table = _table("phone,opt in\n+48501234211,Z\n+48501234212,yes\n+48501234213,N/D\n+48501234214,z\n")
    guessed = cols.guess(table, {})
    assert questions(table, guessed).words == ["z", "n/d"]
    columns = [guessed[0], Column("consent", words={"z": "given", "n/d": "opted_out"})]
    read = [read_row(row, columns, "PL", ["phone", "opt in"]).consent for row in table.rows()]
    assert read == ["given", "given", "opted_out", "given"]


def test_answers_that_make_no_sense_are_refused() -> None:
    for column, field in (
        ({"role": "attribute", "attribute": "born", "type": "date", "order": "year"}, "dates"),
        ({"role": "consent", "words": {"z": "perhaps"}}, "consent"),
    ):
        with pytest.raises(Refused) as refused:
            cols.checked([{"role": "phone"}, column], {})
        assert refused.value.field == field
