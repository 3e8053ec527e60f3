"""The wizard's small parts: where a modal stands, answers to typing in order, tags, characters that cost."""

import threading
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from commands.send import accept, mending, place, tags
from commands.send.place import AUDIENCE, MESSAGE, Place
from commands.send.typing import Typing
from commands.send.views import merge_tags
from distribution.errors import Refused
from distribution.templates import render
from distribution.templates.reading import read


class Views:
    """Slack's side of views.update: one view, its hash, and what it shows."""

    def __init__(self) -> None:
        self.hash, self.shows = "h0", "nothing"
        self.slow = threading.Event()
        self.slow.set()

    def views_update(self, *, view_id: str, view: dict[str, Any], hash: str) -> dict[str, Any]:
        """Refuses a stale hash, as Slack does."""
        self.slow.wait(5)
        if hash != self.hash:
            data = {"ok": False, "error": "hash_conflict"}
            answer = SlackResponse(
                client=None, http_verb="POST", api_url="", req_args={}, data=data, headers={}, status_code=200
            )
            raise SlackApiError("conflict", answer)
        self.hash, self.shows = f"h{int(self.hash[1:]) + 1}", view["text"]
        return {"view": {"hash": self.hash}}


def typed(typing: Typing, slack: Views, at: float, text: str, hash: str) -> bool:
    """One character's action arrives."""
    return typing.answer(slack, {"id": "V1", "hash": hash}, at, lambda: {"text": text})  # type: ignore[arg-type]


def test_a_late_answer_to_an_early_character_is_dropped() -> None:
    """However the actions are overtaken by each other."""
    typing, slack = Typing(), Views()
    assert typed(typing, slack, 2.0, "ab", "h0")
    assert not typed(typing, slack, 1.0, "a", "h0")
    assert slack.shows == "ab"


@pytest.mark.parametrize("seen", ["h0", "h1", "h2"])
def test_the_last_text_is_shown_whichever_of_our_own_updates_its_action_had_seen(seen: str) -> None:
    """The page sends what it knows: it may be behind by an update or two of ours."""
    typing, slack = Typing(), Views()
    assert typed(typing, slack, 1.0, "a", "h0")
    assert typed(typing, slack, 2.0, "ab", "h0")
    assert typed(typing, slack, 3.0, "abc", seen)
    assert slack.shows == "abc"


def test_a_view_that_has_moved_on_is_left_alone() -> None:
    """The review came meanwhile: an answer to typing would put step 5 in its place."""
    typing, slack = Typing(), Views()
    assert typed(typing, slack, 1.0, "a", "h0")
    slack.hash, slack.shows = "h9", "the review"
    assert not typed(typing, slack, 2.0, "ab", "h1")
    assert slack.shows == "the review"


def test_of_many_at_once_the_newest_wins() -> None:
    """Ten listeners at the same time, Slack slow to answer."""
    typing, slack = Typing(), Views()
    slack.slow.clear()
    threads = [threading.Thread(target=typed, args=(typing, slack, float(at), "x" * at, "h0")) for at in range(1, 11)]
    for thread in threads:
        thread.start()
    slack.slow.set()
    for thread in threads:
        thread.join(5)
    assert slack.shows == "x" * 10


def test_ids_differ_by_step_and_turn_and_lead_back_to_their_field() -> None:
    """Slack keeps stale state under an old id."""
    here = Place(7, AUDIENCE, channel="C1")
    ids = {here.block_id("kind"), here.anew().block_id("kind"), here.at(MESSAGE).block_id("kind")}
    assert len(ids) == 3
    assert {place.field_of(block_id) for block_id in ids} == {"kind"}
    assert Place.load(here.dump()) == here
    assert Place.load(Place(None).dump()) == Place(None)


def test_an_error_goes_to_its_own_input_and_to_no_other() -> None:
    """Under another one it would be about that; Slack refuses errors for blocks that are no inputs."""
    view = {
        "blocks": [
            {"type": "section", "block_id": "send.5:group:0"},
            {"type": "input", "block_id": "send.5:body:0"},
            {"type": "input", "block_id": "send.5:when:0"},
        ]
    }
    assert place.error_block(view, "body") == "send.5:body:0"
    assert place.error_block(view, "group") is None
    assert place.error_block(view, None) is None


def test_an_error_about_a_length_goes_to_where_it_was_given() -> None:
    """The box in which another one is written, else the select."""
    refusal = Refused("A delay is from 0 minutes to 90 days.", field="delay")
    assert accept.field_of(refusal, {"delay": "other", "delay_other": "200 days"}) == "delay_other"
    assert accept.field_of(refusal, {"delay": "120"}) == "delay"


def test_a_tag_is_not_inserted_where_slack_would_refuse_the_text() -> None:
    """The view would not be drawn anew, and the press come to nothing."""
    assert merge_tags.inserted("Hi", "{{ x }}") == "Hi {{ x }}"
    assert merge_tags.inserted(None, "{{ x }}") == "{{ x }}"
    with pytest.raises(Refused, match="no room"):
        merge_tags.inserted("x" * 2995, "{{ x }}")


@pytest.mark.parametrize("group", ["Summer 10%", "Bob's", "Żółć 😀"])
def test_every_offered_tag_can_be_read(group: str) -> None:
    """Whatever the group is called; and the first text of each purpose too."""
    for purpose in ("unique_codes", "promotion", "custom"):
        offered = tags.offered(purpose, group if purpose == "unique_codes" else None, [group], ["city"])
        texts = [tag.tag for found in offered.values() for tag in found]
        assert texts
        for text in [*texts, tags.first_text(purpose, group)]:
            assert read(text).problems == (), text


@pytest.mark.parametrize(("terms", "told"), [("2 for 1", "2 for 1"), ("", "Two for one")])
def test_the_first_text_of_a_promotion_says_something_without_terms(terms: str, told: str) -> None:
    recipient = render.Recipient(name="Anna", promotion={"name": "Two for one", "terms": terms})
    assert render.compile(tags.first_text("promotion", None)).render(recipient).startswith(f"Hi Anna, {told}.")


def test_only_a_messages_own_words_are_made_plain() -> None:
    """A group's name inside a tag must stay what it is; an emoji has no plain form."""
    body = "It’s “on” – {{ client.promocode('Bob’s') }} 😀 {% if client.name %}ł{% endif %}"
    assert mending.in_gsm(body) == "It's \"on\" - {{ client.promocode('Bob’s') }} 😀 {% if client.name %}l{% endif %}"
