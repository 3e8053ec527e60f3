"""Every block and element is drawn, safely, and can be used (gallery.html; no bot behind it)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.sandbox_page.conftest import Opener

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def gallery(opened: Opener) -> Any:
    """The gallery, drawn."""
    page = opened("/gallery.html", width=1200)
    page.locator("html[data-ready]").wait_for()
    return page


def sample(gallery: Any, name: str) -> Any:
    """One sample of the gallery."""
    return gallery.locator(f'[data-sample="{name}"]')


def told(gallery: Any, name: str) -> Any:
    """The last action that a sample would have told the bot."""
    log = sample(gallery, name).locator(".log")
    log.wait_for()
    return json.loads(log.inner_text())


def test_every_known_block_and_element_is_drawn_without_a_complaint(gallery: Any, opened: Opener) -> None:
    """The gallery holds each block type that the page knows, so nothing it knows goes untested."""
    known = gallery.evaluate("import('./js/blocks/index.js').then(m => m.KNOWN_BLOCKS)")
    drawn = set(gallery.eval_on_selector_all("[data-block]", "nodes => nodes.map(n => n.dataset.block)"))
    # A task card stands inside a plan, which draws it.
    assert set(known) - drawn == {"task_card"}
    expect(gallery.locator(".block-task")).to_have_count(3)
    assert gallery.locator(".unknown").all_inner_texts() == [
        "Block of type hologram: this page cannot draw it",
        "Element of type joystick",
    ]
    assert (
        gallery.locator(".block > *").evaluate_all("nodes => nodes.filter(n => !n.getClientRects().length).length") == 0
    )
    assert opened.complaints == []


MRKDWN = [
    ("*b* _i_ ~s~ `c`", "<strong>b</strong> <em>i</em> <s>s</s> <code>c</code>"),
    ("a_snake_name and 2*3*4", "a_snake_name and 2*3*4"),
    ("*bold _both_*", "<strong>bold <em>both</em></strong>"),
    ("&lt;img src=x onerror=alert(1)&gt; &amp;amp;", "&lt;img src=x onerror=alert(1)&gt; &amp;amp;"),
    ("<img src=x>", "<span>img src=x</span>"),
    ("<javascript:alert(1)|click>", "<span>click</span>"),
    ("`*not bold*`", "<code>*not bold*</code>"),
    ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
    ("one\ntwo", "one<br>two"),
    ("```a\n*b*```", "<pre>a\n*b*</pre>"),
    ("<!channel>", '<span class="mention mention-me">@channel</span>'),
    ("*open and `code*`", "*open and <code>code*</code>"),
    ("\u200b*\u200bx\u200b*\u200b _\u200by_\u200b", "\u200b*\u200bx\u200b*\u200b _\u200by_\u200b"),
    ("*a \u200b*\u200bb\u200b*\u200b c*", "<strong>a \u200b*\u200bb\u200b*\u200b c</strong>"),
]


@pytest.mark.parametrize(("text", "expected"), MRKDWN, ids=[text for text, _ in MRKDWN])
def test_mrkdwn_becomes_nodes_and_never_html(gallery: Any, text: str, expected: str) -> None:
    script = """async (text) => {
        const { mrkdwn } = await import("./js/mrkdwn.js");
        const box = document.createElement("p");
        box.append(...mrkdwn(text));
        return box.innerHTML;
    }"""
    assert gallery.evaluate(script, text) == expected


def test_links_mentions_and_dates_of_mrkdwn_show_names_and_words(gallery: Any) -> None:
    block = sample(gallery, "header, section, divider, context")
    expect(block.get_by_role("link", name="the report")).to_have_attribute("href", "https://example.com/report?a=1&b=2")
    expect(block.get_by_text("@Maya Lindqvist")).to_have_count(1)
    expect(block.get_by_text("1 Jan 2030 at 01:00")).to_have_count(1)
    expect(block.get_by_text("plain *text* stays literal")).to_have_count(1)


def test_a_data_table_sorts_filters_and_turns_pages(gallery: Any) -> None:
    table = sample(gallery, "data_table")
    first = table.locator("tbody tr").first
    expect(table.get_by_text("1–5 of 23")).to_have_count(1)
    table.get_by_role("button", name="Next page").click()
    expect(table.get_by_text("6–10 of 23")).to_have_count(1)
    table.get_by_role("button", name="Codes").click()
    expect(table.get_by_text("1–5 of 23")).to_have_count(1)
    expect(first.locator("td").nth(1)).to_have_text("1", use_inner_text=True)
    table.get_by_role("button", name="Codes").click()
    expect(table.locator("th", has_text="Codes")).to_have_attribute("aria-sort", "descending")
    expect(first.locator("td").nth(1)).to_have_text("90", use_inner_text=True)
    table.get_by_role("searchbox").fill("zofia")
    assert set(table.locator("tbody th").all_inner_texts()) == {"Zofia M."}
    table.get_by_role("searchbox").fill("nobody")
    expect(table.get_by_text("Nothing holds “nobody”")).to_have_count(1)


def test_a_chart_reads_its_numbers_out_where_it_is_pointed_at(gallery: Any) -> None:
    chart = sample(gallery, "data_visualization: bar")
    chart.locator("svg rect[fill=transparent]").nth(2).hover()
    assert chart.locator(".chart-tip").inner_text().split() == ["Wed", "Sent", "900", "Redeemed", "210"]
    assert chart.locator("table tbody tr").nth(2).inner_text().split() == ["Wed", "900", "210"]


def test_a_chart_keeps_the_size_of_its_words_where_there_is_little_room(gallery: Any) -> None:
    chart = sample(gallery, "data_visualization: bar")
    size = "node => Math.round(node.querySelector('.axis-text').getBoundingClientRect().height)"
    before = chart.evaluate(size)
    gallery.set_viewport_size({"width": 340, "height": 800})
    gallery.wait_for_function(f"([node, size]) => ({size})(node) >= size", arg=[chart.element_handle(), before - 1])
    assert chart.locator("svg").first.evaluate("node => node.viewBox.baseVal.width") < 400


def test_a_date_is_chosen_with_the_keyboard(gallery: Any) -> None:
    name = "section with accessories"
    sample(gallery, name).get_by_role("button", name="Due").focus()
    for key in ("Enter", "ArrowDown", "ArrowRight", "PageDown", "Enter"):
        gallery.keyboard.press(key)
    assert told(gallery, name)["selected_date"] == "2026-12-29"
    expect(sample(gallery, name).get_by_role("button", name="Due")).to_have_text(
        "Tue, 29 Dec 2026", use_inner_text=True
    )


def test_a_button_with_a_confirmation_tells_the_bot_only_after_yes(gallery: Any) -> None:
    reject = sample(gallery, "actions").get_by_role("button", name="Reject…")
    reject.click()
    gallery.get_by_role("alertdialog").get_by_role("button", name="Keep it").click()
    expect(sample(gallery, "actions").locator(".log")).to_have_text("", use_inner_text=True)
    reject.click()
    gallery.get_by_role("alertdialog", name="Reject this request?").get_by_role("button", name="Reject").click()
    assert told(gallery, "actions")["action_id"] == "reject"


def test_an_overflow_menu_closes_on_escape_and_answers_the_arrows(gallery: Any) -> None:
    name = "section with accessories"
    sample(gallery, name).get_by_role("button", name="More actions for Summer 10%").click()
    gallery.keyboard.press("Escape")
    expect(gallery.get_by_role("listbox")).to_have_count(0)
    gallery.keyboard.press("Enter")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        gallery.keyboard.press(key)
    assert told(gallery, name)["selected_option"]["value"] == "delete"


def test_a_multi_select_takes_no_more_than_its_maximum_and_gives_back_by_backspace(gallery: Any) -> None:
    block = sample(gallery, "inputs: choices")
    opener = block.get_by_role("combobox", name="Segments")
    opener.click()
    for option in ("Warsaw regulars", "New this month", "Lapsed"):
        gallery.get_by_role("option", name=option).click()
    gallery.keyboard.press("Escape")
    chips = block.locator('[data-block-id="i_multi"] .chip')
    expect(chips).to_have_text(["Birthday", "Warsaw regulars", "New this month"], use_inner_text=True)
    opener.press("Backspace")
    expect(chips).to_have_text(["Birthday", "Warsaw regulars"], use_inner_text=True)


def test_a_time_may_be_typed_as_people_write_it(gallery: Any) -> None:
    block = sample(gallery, "inputs: dates and files")
    block.get_by_role("button", name="Time", exact=True).click()
    gallery.keyboard.type("9.05 pm")
    gallery.keyboard.press("Enter")
    expect(block.get_by_role("button", name="Time", exact=True)).to_have_text("21:05", use_inner_text=True)


def test_a_file_of_another_type_is_refused_at_the_field(gallery: Any) -> None:
    block = sample(gallery, "inputs: dates and files")
    block.locator("input[type=file]").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"x"})
    expect(block).to_contain_text("a.pdf cannot be used here. Choose a file of type .csv, .xlsx.", use_inner_text=True)


def test_a_counter_says_how_far_over_the_limit_a_text_is(gallery: Any) -> None:
    block = sample(gallery, "inputs: text")
    block.get_by_label("Subject").fill("x" * 43)
    expect(block.get_by_text("3 over the limit of 40")).to_be_visible()


def test_a_picture_that_does_not_load_gives_way_to_its_words(gallery: Any) -> None:
    sample(gallery, "image, video, file").scroll_into_view_if_needed()
    gallery.locator(".image-gone", has_text="A picture that is not there").wait_for()
