"""Long work as people see it in Slack."""

import threading
from typing import Any

import pytest

from distribution.codes import generate, groups, importing, intake
from distribution.codes.format import Format
from distribution.codes.importing import Columns
from distribution.codes.recipe import Recipe
from distribution.codes.rules import INLINE
from distribution.errors import Refused
from distribution.jobs import JobRun
from distribution.kinds import KINDS
from distribution.runtime import Runtime
from storage.code_writes import insert
from storage.tables import Job
from tests.scenarios.conftest import World


def enqueue(world: World, kind: str, args: dict[str, Any], channel: str = "C0MARKETING", by: str = "U0MAYA") -> int:
    with world.runtime.db.write() as session:
        return world.runtime.jobs.enqueue(session, kind, args, by=by, channel=channel, total=args.get("count"))


def test_a_job_says_how_it_ended_and_hands_back_what_it_did_not_take(world: World) -> None:
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        group = groups.create(session, "Spring <5%>", formats=[], by="U0MAYA", now=now)
        intake.add(session, group.id, ["AAAA1111"], by="U0MAYA", now=now)
        lines = "\n".join([f"CODE{n:06d}" for n in range(INLINE)] + ["AAAA1111", "has space"])
        upload, _ = intake.hand_over(session, lines.encode(), "codes.csv", by="U0MAYA", now=now)
        importing.import_file(
            world.runtime.jobs, session, group.id, upload, Columns(0), by="U0MAYA", now=now, channel="C0MARKETING"
        )
    said = world.maya.message("#marketing", "· done", timeout=30)
    assert f"{INLINE:,} codes added to 'Spring <5%>'" in said.text
    replies = world.wait_for(said.replies, "the file in the thread")
    content = world.maya.download(replies[0].files[0]).decode()
    assert "AAAA1111,already in 'Spring <5%>'" in content


def test_a_long_job_is_followed_in_one_message_and_cancelled_by_its_button(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        while True:
            with run.chunk(runtime) as session:
                run.done += insert(session, [f"S{run.done}"], group_id=run.args["group_id"], lot_id=run.args["lot_id"])
            go_on.wait(0.05)

    monkeypatch.setitem(KINDS, "generate_codes", slow)
    with world.runtime.db.write() as session:
        now = world.runtime.clock.now()
        group = groups.create(session, "Slow", formats=[Format.parse("S{string('0-9', 9)}")], by="U0MAYA", now=now)
        given = {"by": "U0MAYA", "now": now, "channel": "C0MARKETING"}
        job_id = generate.later(world.runtime.jobs, session, group.id, 5000, Recipe.of(group), **given).job_id
    running = world.maya.message("#marketing", "of 5,000", timeout=15)
    assert "Generating 5,000 codes for 'Slow'" in running.text
    running.click("Cancel")
    ended = world.maya.message("#marketing", "· cancelled", timeout=15)
    assert ended.ts == running.ts, "edited in place"
    with world.runtime.db.read() as session:
        job = session.get_one(Job, job_id)
        assert job.state == "cancelled"
        made = groups.found(session, job.args["group_id"])[1].active
    assert made == job.done and "had been added to 'Slow' and can be used" in ended.text


def test_only_the_one_who_asked_or_an_admin_cancels(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        while True:
            with run.chunk(runtime):
                run.done += 1
            threading.Event().wait(0.05)

    monkeypatch.setitem(KINDS, "delete_codes", slow)
    job_id = enqueue(world, "delete_codes", {"group_id": 0})
    world.lee.message("#marketing", "Removing", timeout=15).click("Cancel")
    assert "takes an admin" in world.lee.message("#marketing", "You are a marketer here").text
    world.ada.message("#marketing", "Removing").click("Cancel")
    world.wait_for(lambda: state_of(world, job_id) == "cancelled", "the end of the job")


def test_a_refusal_is_shown_where_the_job_was_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        raise Refused("98 codes are missing in 'Summer <10%>'.")

    monkeypatch.setitem(KINDS, "delete_codes", refuse)
    enqueue(world, "delete_codes", {"group_id": 0})
    assert "98 codes are missing in 'Summer <10%>'." in world.maya.message("#marketing", "· failed").text


def test_a_job_whose_channel_is_closed_to_us_is_told_to_the_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "delete_codes", lambda runtime, run: {"removed": 3})
    enqueue(world, "delete_codes", {"group_id": 0}, channel="C0NOWHERE")
    assert "3 active codes removed" in world.maya.message("@promobot", "· done").text


def state_of(world: World, job_id: int) -> str:
    with world.runtime.db.read() as session:
        return session.get_one(Job, job_id).state
