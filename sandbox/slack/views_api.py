"""Web API: views.open, views.push, views.update, views.publish."""

from __future__ import annotations

from sandbox import people
from sandbox.blocks import Json
from sandbox.slack.calls import Call, Method, SlackError, refusal
from sandbox.slack.triggers import HandleError, Trigger
from sandbox.slack.views import ViewError


def _view(call: Call, kind: str) -> Json:
    """The view in a call's arguments, checked and of the right type."""
    view = call.data("view")
    if view is None:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: view"])
    problems = call.slack.check_view(view)
    call.problems += problems
    error = refusal(problems, "invalid_arguments", "/view")
    if error:
        raise error
    if view["type"] != kind:
        raise SlackError("invalid_arguments", [f"[ERROR] must be of type {kind} [json-pointer:/view/type]"])
    result: Json = view
    return result


def _trigger(call: Call) -> Trigger:
    trigger_id = call.text("trigger_id") or call.text("interactivity_pointer")
    if not trigger_id:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: trigger_id"])
    try:
        return call.slack.handles.use_trigger(trigger_id)
    except HandleError as error:
        raise SlackError(error.name) from None


def show(call: Call) -> Json:
    """views.open and views.push. A push needs a trigger from inside an open modal."""
    view = _view(call, "modal")
    trigger = _trigger(call)
    open_ids = {v["id"] for v in call.slack.views.stack(trigger.user)}
    inside = trigger.view_id in open_ids
    if call.method == "views.push" and not inside:
        raise SlackError("not_found")
    try:
        return {"view": call.slack.views.open(trigger.user, view, on_top=inside)}
    except ViewError as error:
        raise SlackError(error.name) from None


def update(call: Call) -> Json:
    """views.update, by view_id or external_id"""
    view = _view(call, "modal")
    if not call.text("view_id") and not call.text("external_id"):
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: view_id"])
    found = call.slack.views.find(view_id=call.text("view_id"), external_id=call.text("external_id"))
    if found is None:
        raise SlackError("not_found")
    user, current = found
    try:
        return {"view": call.slack.views.update(current, user, view, call.text("hash"))}
    except ViewError as error:
        raise SlackError(error.name) from None


def publish(call: Call) -> Json:
    """views.publish"""
    user = call.required("user_id")
    if user not in people.USERS or people.USERS[user].is_bot:
        raise SlackError("user_not_found")
    if not call.slack.manifest.home_tab:
        raise SlackError("not_enabled")
    view = _view(call, "home")
    try:
        return {"view": call.slack.views.publish(user, view, call.text("hash"))}
    except ViewError as error:
        raise SlackError(error.name) from None


METHODS: dict[str, Method] = {
    "views.open": show,
    "views.push": show,
    "views.update": update,
    "views.publish": publish,
}
