"""Automatic distributions over HTTP: set live, set off by events, reminded, paused with what piled up, reported."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from distribution.automatic import due, firing, outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.tables import MessageState
from tests.conftest import NOON, run_jobs
from tests.unit.api.conftest import fields, one_database, wrong
from tests.unit.api.distributing import allow, do, report, shop
from tests.unit.automatic.reminded import sent

__all__ = ["shop"]

CART = {"event": "cart_abandoned", "where": [{"property": "cart_total", "op": "ge", "value": 50, "type": "number"}]}
BODY = "Still {{ event.cart_total }} in your cart, {{ client.first_name }}: {{ client.promocode('Summer 10%') }}"
PLAIN = "Your code: {{ client.promocode('Summer 10%') }}"
REMINDERS = [
    {"after_minutes": 1440, "body": "Yours: {{ client.last_promocode('Summer 10%') }}"},
    {"before_expiry_minutes": 60, "body": "Ends soon: {{ client.last_promocode('Summer 10%') }}"},
]


def asked(**more: Any) -> dict[str, Any]:
    """What a system sends."""
    wanted = {"mode": "automatic", "purpose": "unique_codes", "subject": "Carts", "body": BODY, "trigger": CART} | more
    return {name: value for name, value in wanted.items() if value is not None}


def live(api: TestClient, **more: Any) -> int:
    """The id of a distribution that is live."""
    answer = api.post("/v1/distributions", json=asked(**more))
    assert answer.status_code == 201, answer.text
    made = int(answer.json()["id"])
    assert do(api, made, "send", 202)["status"] == "sending"
    return made


def tell(api: TestClient, source_id: str, at: datetime = NOON, customer: str = "C-1", **properties: Any) -> None:
    """An event of a cart that is left."""
    event = {"source_id": source_id, "customer": customer, "name": "cart_abandoned", "at": at.isoformat()}
    answer = api.post("/v1/events", json={"events": [event | {"properties": {"cart_total": 80} | properties}]})
    assert answer.json()["refused"] == 0, answer.text


def pass_time(runtime: Runtime, **by: float) -> None:
    """Time passes, and the clock looks."""
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(**by))
    while firing.look(runtime) or due.look(runtime):
        pass


def test_a_live_distribution_is_set_off_by_events_and_reported(shop: TestClient, runtime: Runtime) -> None:
    made = live(shop, trigger=CART | {"delay_minutes": 120, "reentry": "always"}, reminders=REMINDERS)
    for number, total in enumerate((80, 20, 90)):
        tell(shop, f"cart-{number}", customer=f"C-{number}", cart_total=total)
    tell(shop, "cart-0", customer="C-0")
    pass_time(runtime, minutes=1)
    first = report(shop, made)
    assert (first["planned"]["texts"], first["audience"]) == (2, 0)
    assert first["planned"]["next_at"] == "2026-06-15T14:00:00Z"
    pass_time(runtime, hours=2)
    second = report(shop, made)
    assert (second["planned"]["texts"], second["audience"], second["pending"]) == (0, 2, 2)
    assert second["planned"]["reminders"] == 4 and second["codes"][0]["blocked"] == 2
    assert check(runtime.db) == []


def test_what_is_asked_for_is_answered_by_names(shop: TestClient) -> None:
    trigger = {
        **CART,
        "delay_minutes": 60,
        "unless": {"event": "order_paid"},
        "reentry": "days",
        "days": 7,
        "most": 100,
        "most_daily": 10,
    }
    body = asked(
        trigger=trigger,
        reminders=REMINDERS,
        when_dry="fallback",
        fallback_body="Come back",
        ends_at="2026-12-31T23:00:00Z",
    )
    answer = shop.post("/v1/distributions", json=body)
    said = answer.json()
    assert answer.status_code == 201, answer.text
    shown = {name: value for name, value in said["trigger"].items() if value is not None}
    assert shown == {**trigger, "unless": {"event": "order_paid", "where": []}, "members": "new"}
    assert [{name: value for name, value in each.items() if value} for each in said["reminders"]] == REMINDERS
    assert (said["when_dry"], said["fallback_body"], said["ends_at"]) == ("fallback", "Come back", body["ends_at"])
    assert said["audience"] is None and said["mode"] == "automatic"
    assert shop.get(f"/v1/distributions/{said['id']}").json() == said


@pytest.mark.parametrize("named", ["poles", None])
def test_the_segment_that_customers_enter_is_named_or_given_by_id(shop: TestClient, named: str | None) -> None:
    made = live(shop, body="Hi", purpose="custom", trigger={"segment": named or 1, "members": "all"})
    said = shop.get(f"/v1/distributions/{made}").json()
    assert (said["trigger"]["segment"], said["trigger"]["members"]) == ("Poles", "all")


def test_types_of_known_properties_need_not_be_said(shop: TestClient) -> None:
    tell(shop, "cart-1")
    where = [{"property": "cart_total", "op": "ge", "value": 50}]
    said = shop.post("/v1/distributions", json=asked(trigger=CART | {"where": where})).json()
    assert said["trigger"]["where"] == [where[0] | {"type": "number"}]


def test_properties_are_called_what_the_system_calls_them(shop: TestClient, runtime: Runtime) -> None:
    where = [{"property": "cartTotal", "type": "number", "op": "ge", "value": 50}]
    trigger = {"event": "cart_abandoned", "where": where, "unless": {"event": "orderPaid"}, "delay_minutes": 1}
    made = live(shop, trigger=trigger, body=BODY.replace("cart_total", "cartTotal"))
    tell(shop, "cart-1", customer="C-1", cartTotal=60)
    tell(shop, "cart-2", customer="C-2", cartTotal=40)
    pass_time(runtime, minutes=2)
    pass_time(runtime, minutes=2)
    assert report(shop, made)["audience"] == 1


@one_database
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"trigger": None, "body": PLAIN}, ["trigger"]),
        ({"trigger": {}, "body": PLAIN}, ["trigger"]),
        ({"trigger": CART | {"segment": "poles"}}, ["trigger"]),
        ({"trigger": {"event": "cart abandoned"}}, ["trigger.event"]),
        ({"trigger": {"segment": "Pole"}, "purpose": "custom", "body": "Hi"}, ["trigger.segment"]),
        ({"trigger": {"segment": 9}, "purpose": "custom", "body": "Hi"}, ["trigger.segment"]),
        ({"trigger": CART | {"where": [{"property": "total", "op": "ge", "value": 1}]}}, ["trigger.where"]),
        ({"trigger": CART | {"where": [{"property": "x", "type": "number", "op": "is"}]}}, ["trigger.where"]),
        ({"trigger": CART | {"delay_minutes": -1}}, ["trigger.delay_minutes"]),
        ({"trigger": CART | {"unless": {"event": "order_paid"}}}, ["trigger.delay_minutes"]),
        ({"trigger": CART | {"delay_minutes": 5, "unless": {"event": "a b"}}}, ["trigger.unless"]),
        (
            {"trigger": CART | {"delay_minutes": 5, "unless": {"event": "b", "where": [{"property": "x"}]}}},
            ["trigger.unless.where"],
        ),
        ({"trigger": CART | {"reentry": "often"}}, ["trigger.reentry"]),
        ({"trigger": CART | {"reentry": "days"}}, ["trigger.days"]),
        ({"trigger": CART | {"most": 0}}, ["trigger.most"]),
        ({"trigger": CART | {"most_daily": 0}}, ["trigger.most_daily"]),
        ({"trigger": CART | {"often": 1}}, ["trigger.often"]),
        ({"segment": "poles"}, ["segment"]),
        ({"customers": ["C-1"]}, ["customers"]),
        ({"ends_at": "2020-01-01T00:00:00Z"}, ["ends_at"]),
        ({"send_at": "2026-07-01T00:00:00Z"}, ["send_at"]),
        ({"when_dry": "hope"}, ["when_dry"]),
        ({"when_dry": "fallback"}, ["fallback_body"]),
        ({"fallback_body": "Hi"}, ["fallback_body"]),
        ({"when_dry": "top_up"}, ["when_dry"]),
        ({"when_dry": "wait", "purpose": "custom", "body": "Hi"}, ["when_dry"]),
        ({"when_dry": "fallback", "fallback_body": "{{ client.promocode('Summer 10%') }}"}, ["fallback_body"]),
        ({"ends_at": "9999-12-31T23:59:59-12:00"}, ["ends_at"]),
        ({"trigger": {"segment": 2**31}, "body": PLAIN}, ["trigger.segment"]),
        ({"trigger": {"segment": "poles", "where": CART["where"]}, "body": PLAIN}, ["trigger.where"]),
        ({"trigger": CART | {"members": "all", "days": 3}}, ["trigger.members", "trigger.days"]),
        ({"reminders": [{"body": "Hi"}]}, ["reminders[0].after_minutes"]),
        ({"reminders": [REMINDERS[0], {"after_minutes": 1, "body": "{{ nobody }}"}]}, ["reminders[1].body"]),
        ({"reminders": [REMINDERS[0], {"after_minutes": 0, "body": "Hi"}]}, ["reminders[1].after_minutes"]),
        ({"reminders": [REMINDERS[0]] * 6}, ["reminders"]),
        (
            {"trigger": {"event": "1"}, "reminders": [{"after_minutes": 1, "body": " "}], "subject": "",
             "provider": "?"},
            ["trigger.event", "reminders[0].body", "subject", "provider"],
        ),
    ],
)  # fmt: skip
def test_every_field_that_is_wrong_is_named(shop: TestClient, more: dict[str, Any], wanted: list[str]) -> None:
    answer = shop.post("/v1/distributions", json=asked(**more))
    assert sorted(fields(answer)) == sorted(wanted), answer.text
    assert shop.get("/v1/distributions").json()["distributions"] == []


@one_database
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"trigger": CART}, ["trigger"]),
        ({"when_dry": "wait", "fallback_body": "Hi"}, ["when_dry", "fallback_body"]),
        ({"ends_at": "2027-01-01T00:00:00Z"}, ["ends_at"]),
        ({"segment": 2**31}, ["segment"]),
        ({"local_at": "soon"}, ["local_at"]),
        ({"local_at": ""}, ["local_at"]),
        ({"local_at": "2026-07-01"}, ["local_at"]),
        ({"local_at": "2026-07-01T09:00", "send_at": "2026-07-01T00:00:00Z"}, ["send_at"]),
        ({"repeat": {"every": "week", "at": "09:00"}}, ["repeat.weekdays"]),
        ({"repeat": {"every": "month", "at": "09:00"}}, ["repeat.day"]),
        ({"repeat": {"every": "day", "at": "9"}}, ["repeat.at"]),
        ({"repeat": {"every": "day", "at": "09:00", "until": "2020-01-01"}}, ["repeat.until"]),
        ({"repeat": {"every": "year", "at": "09:00"}}, ["repeat.every"]),
    ],
)
def test_fields_of_a_manual_one_that_are_wrong_are_named(
    shop: TestClient, more: dict[str, Any], wanted: list[str]
) -> None:
    body = {"purpose": "custom", "subject": "News", "body": "Hi", "segment": "poles"} | more
    assert sorted(fields(shop.post("/v1/distributions", json=body))) == sorted(wanted)


def test_manual_ones_have_reminders_and_times_of_their_own(shop: TestClient, runtime: Runtime) -> None:
    base = {"purpose": "custom", "subject": "News", "body": "Hi", "segment": "poles"}
    said = shop.post("/v1/distributions", json=base | {"local_at": "2026-07-01T09:00"}).json()
    assert said["local_at"] == "2026-07-01T09:00" and said["send_at"] == "2026-06-30T19:00:00Z"
    weekly = {"every": "week", "weekdays": [0, 3], "at": "09:00"}
    said = shop.post("/v1/distributions", json=base | {"repeat": weekly}).json()
    assert {name: value for name, value in said["repeat"].items() if value is not None} == weekly
    assert do(shop, said["id"], "send", 202)["status"] == "scheduled"
    said = shop.post("/v1/distributions", json=base | {"reminders": [{"after_minutes": 60, "body": "Again"}]}).json()
    do(shop, said["id"], "send", 202)
    run_jobs(runtime)
    assert report(shop, said["id"])["planned"]["reminders"] == 4


def test_an_automatic_one_waits_for_an_approval_like_any_other(shop: TestClient, runtime: Runtime) -> None:
    allow(runtime, "above:100", approvals__channel="C0APPROVALS")
    made = shop.post("/v1/distributions", json=asked()).json()["id"]
    said = do(shop, made, "send", 409)
    assert said["reason"] == "approval_required" and "nobody knows how many customers" in said["detail"]
    assert do(shop, made, "request-approval", 202)["status"] == "pending"
    few = shop.post("/v1/distributions", json=asked(trigger=CART | {"most": 50})).json()["id"]
    assert do(shop, few, "send", 202)["status"] == "sending"


def test_paused_it_still_fires_and_what_piled_up_is_sent_or_dropped(shop: TestClient, runtime: Runtime) -> None:
    for piled, left, dropped in (("send", 1, {}), ("drop", 0, {"paused": 1})):
        made = live(shop, subject=piled, trigger=CART | {"most": 5})
        do(shop, made, "pause")
        tell(shop, f"cart-{piled}", at=runtime.clock.now())
        pass_time(runtime, minutes=1)
        assert report(shop, made)["planned"]["texts"] == 1
        answer = shop.post(f"/v1/distributions/{made}/resume", json={"piled": piled})
        assert answer.status_code == 200 and answer.json()["status"] == "sending"
        pass_time(runtime, minutes=1)
        said = report(shop, made)
        assert (said["audience"], said["planned"]["dropped"]) == (left, dropped)
        do(shop, made, "stop")
        run_jobs(runtime)
    assert fields(shop.post(f"/v1/distributions/{made}/resume", json={"piled": "keep"})) == ["piled"]
    assert check(runtime.db) == []


def test_failed_texts_of_a_live_one_are_sent_again_once_however_often_it_is_asked(
    shop: TestClient, runtime: Runtime
) -> None:
    made = live(shop, trigger=CART | {"reentry": "always"})
    assert wrong(shop.post(f"/v1/distributions/{made}/retry"), 409) == []
    for number, state in enumerate((MessageState.REJECTED, MessageState.REJECTED, MessageState.ACCEPTED)):
        tell(shop, f"cart-{number}", customer=f"C-{number}", at=runtime.clock.now())
        pass_time(runtime, minutes=1)
        sent(runtime, made, state)
    retry = {"url": f"/v1/distributions/{made}/retry", "headers": {"Idempotency-Key": "again"}}
    first, replayed = shop.post(**retry), shop.post(**retry)
    assert (first.json()["status"], first.json()["retried"], replayed.content) == ("sending", 2, first.content)
    assert do(shop, made, "retry")["retried"] == 0
    said = report(shop, made)
    assert (said["pending"], said["failed"], said["sent"], said["audience"]) == (2, 0, 1, 3)
    assert check(runtime.db) == []


def test_numbers_that_no_column_holds_are_refused_and_no_error_of_ours(shop: TestClient) -> None:
    """An id beyond PostgreSQL's integers, and a number in an event that has no floating point."""
    for verb in ("pause", "resume", "stop", "retry", "send"):
        assert shop.post(f"/v1/distributions/{2**31}/{verb}").status_code == 422
    assert shop.get("/v1/distributions", params={"before": 2**31}).status_code == 422
    event = {"customer": "C-1", "name": "cart_abandoned", "properties": {"cart_total": 10**400}}
    (said,) = shop.post("/v1/events", json={"events": [event]}).json()["results"]
    assert (said["status"], said["field"]) == ("refused", "properties.cart_total")


def test_stopped_what_is_planned_is_dropped(shop: TestClient, runtime: Runtime) -> None:
    made = live(shop, trigger=CART | {"delay_minutes": 60})
    tell(shop, "cart-1")
    pass_time(runtime, minutes=1)
    assert do(shop, made, "stop")["status"] == "stopped"
    run_jobs(runtime)
    pass_time(runtime, hours=2)
    said = report(shop, made)
    assert (said["audience"], said["planned"]["texts"], said["planned"]["dropped"]) == (0, 0, {"stopped": 1})


def test_what_is_late_waits_for_a_word_that_a_system_may_say_too(shop: TestClient, runtime: Runtime) -> None:
    body = {"purpose": "custom", "subject": "News", "body": "Hi", "segment": "poles"}
    made = shop.post("/v1/distributions", json=body | {"send_at": "2026-06-15T13:00:00Z"}).json()["id"]
    do(shop, made, "send", 202)
    assert do(shop, made, "pause", 409)["reason"] == "scheduled"
    late = f"/v1/distributions/{made}/late"
    assert wrong(shop.post(late, json={"then": "send"}), 409) == []
    machine = ManualClock(NOON)
    outage.look(runtime, machine)
    machine.advance(timedelta(hours=3))
    assert isinstance(runtime.clock, ManualClock)
    runtime.clock.advance(timedelta(hours=3))
    assert outage.look(runtime, machine)
    assert shop.get(f"/v1/distributions/{made}").json()["late_since"] is not None
    assert fields(shop.post(late, json={"then": "reschedule"})) == ["at"]
    assert fields(shop.post(late, json={"then": "reschedule", "at": "2026-06-15T13:00:00Z"})) == ["at"]
    said = shop.post(late, json={"then": "send"})
    assert said.status_code == 200 and said.json()["late_since"] is None
    assert shop.post(late, json={"then": "cancel"}).json()["reason"] == "not_late"
