"""The shared helpers for Block Kit: charts, bars, choices, pages, words."""

from datetime import UTC, datetime

import pytest

from commands.ui import blocks as ui
from commands.ui import charts, choose, paging
from commands.ui.text import code, duration, escape, moment, percent
from sandbox.limits import check_message


def errors(blocks: list[object]) -> list[str]:
    """What Slack would refuse in a message of these blocks."""
    found = check_message({"text": "x", "blocks": ui.as_dicts(blocks)})  # type: ignore[arg-type]
    return [f"{problem.path} {problem.message}" for problem in found if problem.is_error]


def test_a_chart_stays_within_slacks_limits_whatever_its_labels() -> None:
    """Long, equal and too many labels are cut and told apart: Slack matches points to categories by label."""
    many = charts.Chart(
        "A title that is much longer than the fifty characters Slack takes",
        "line",
        [f"a category with a long name {at // 2}" for at in range(30)],
        {f"a series with a long name {at}": list(range(30)) for at in range(3)},
        x_label="x" * 80,
    )
    assert errors([charts.block(many)]) == []
    points = charts.block(many)["chart"]["series"][0]["data"]
    assert len({point["label"] for point in points}) == len(points) == charts.POINTS


def test_a_chart_as_text_has_every_number() -> None:
    """For a workspace that refuses charts."""
    chart = charts.Chart("Texts", "line", ["14:00", "14:01"], {"Sent": [1, 1200], "Failed": [0, 3]})
    title, table = charts.as_text(chart).split("\n", 1)
    assert title == "*Texts*"
    assert [line.split() for line in table.strip("`").splitlines()] == [
        ["Sent", "Failed"],
        ["14:00", "1", "0"],
        ["14:01", "1,200", "3"],
    ]
    assert len({len(line) for line in table.strip("`").splitlines()}) == 1


@pytest.mark.parametrize(
    ("done", "total", "full"), [(0, 10, 0), (1, 1000, 1), (5, 10, 10), (999, 1000, 19), (7, 7, 20)]
)
def test_a_bar_is_full_only_at_the_end_and_empty_only_before_the_start(done: int, total: int, full: int) -> None:
    """One of a thousand is something; all but one is not all."""
    assert charts.bar(done, total) == "▓" * full + "░" * (20 - full)


def test_a_long_list_is_searched_instead_of_listed() -> None:
    """Slack's static select takes a hundred options."""
    options = [ui.option(f"Segment {at}", at) for at in range(choose.MOST)]
    assert choose.select("a", options, chosen=7).to_dict()["initial_option"]["value"] == "7"
    longer = choose.select("a", [*options, ui.option("One more", "more")], chosen="more").to_dict()
    assert longer["type"] == "external_select"
    assert longer["initial_option"]["value"] == "more"
    assert "initial_option" not in choose.select("a", options, chosen="gone").to_dict()


def test_a_search_finds_options_with_every_word_and_at_most_a_hundred() -> None:
    """Capitals and order do not count."""
    options = [ui.option(f"Warsaw regulars {at}", at) for at in range(300)]
    assert [found["value"] for found in choose.matching(options, "REGULARS 17 war")] == [
        str(at) for at in range(300) if "17" in str(at)
    ]
    assert len(choose.matching(options, "")) == choose.MOST


def test_pages_turn_and_a_page_beyond_the_end_is_the_last() -> None:
    """The button's value is the first item that it leads to."""
    everything = list(range(23))
    assert paging.page_of(everything, 10).items == list(range(10, 20))
    assert paging.page_of(everything, 99).items == [20, 21, 22]
    assert paging.page_of([], 10).items == []
    label, buttons = (block.to_dict() for block in paging.turner(paging.page_of(everything, 10), "x.page"))
    assert label["elements"][0]["text"] == "11–20 of 23"
    assert [(each["action_id"], each["value"]) for each in buttons["elements"]] == [
        ("x.page:previous", "0"),
        ("x.page:next", "20"),
    ]
    assert paging.turner(paging.page_of([1, 2], 0), "x.page") == []


def test_typed_text_mentions_nobody_and_can_be_copied_as_it_is() -> None:
    """Escaped in mrkdwn; in a quote or a plain paragraph not touched at all."""
    name = "<!channel> *x* & <@U0LEE>"
    assert "<" not in escape(name)
    assert escape("*x* `y`") == "\u200b*\u200bx\u200b*\u200b ˋyˋ"
    assert code("A_B<!channel>") == "`A_B&lt;!channel&gt;`"
    assert code("a`b") == "aˋb"
    quoted = ui.quote(name).to_dict()
    assert quoted["elements"][0]["elements"][0]["text"] == name
    assert ui.plain(name).to_dict()["text"] == {"type": "plain_text", "text": name}
    assert errors([ui.quote("x" * 9000), ui.plain("x" * 9000), ui.quote("")]) == []


def test_times_shares_and_lengths_read_as_people_say_them() -> None:
    """Never 100% before the end; a moment is shown by Slack in each reader's own zone."""
    assert [percent(n, 400) for n in (0, 1, 200, 399, 400)] == ["0%", "1%", "50%", "99%", "100%"]
    assert [duration(s) for s in (0.4, 59, 131, 3600, 7500)] == ["0 s", "59 s", "2 min 11 s", "1 h", "2 h 5 min"]
    at = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    assert moment(at) == "<!date^1781524800^{date_short_pretty} at {time}|2026-06-15 12:00 UTC>"
