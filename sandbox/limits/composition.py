"""Limits of composition objects: options, option groups, confirm dialogs.

docs.slack.dev/reference/block-kit/composition-objects
"""

from __future__ import annotations

from typing import Any

from sandbox.limits.problem import Json, Problem, Problems, check_enum, check_list, check_string, check_text


def check_options(options: Any, path: str, *, least: int = 1, most: int = 100, mrkdwn: bool = False) -> list[Problem]:
    """A list of options. `mrkdwn` is for checkboxes and radio buttons, which take it in text and description."""
    items, problems = check_list({"options": options}, "options", path.rpartition("/")[0], least, most)
    seen: set[str] = set()
    for i, option in enumerate(items):
        here = f"{path}/{i}"
        problems += check_option(option, here, mrkdwn=mrkdwn)
        value = option.get("value") if isinstance(option, dict) else None
        if isinstance(value, str):
            if value in seen:
                problems.append(Problem(f"{here}/value", f"is used twice: {value}", is_error=False))
            seen.add(value)
    return problems


def check_option(option: Any, path: str, *, mrkdwn: bool = False) -> Problems:
    """One option: text 75, value 150, description 75 characters."""
    if not isinstance(option, dict):
        yield Problem(path, "must be an option object")
        return
    yield from check_text(option, "text", path, 75, plain=not mrkdwn)
    yield from check_string(option, "value", path, 150, required=True)
    yield from check_text(option, "description", path, 75, required=False, plain=not mrkdwn)
    yield from check_string(option, "url", path, 3000)


def check_choices(element: Json, path: str) -> Problems:
    """The options or option groups of a static select: exactly one of the two, up to 100 each."""
    if ("options" in element) == ("option_groups" in element):
        yield Problem(path, "must have either options or option_groups")
        return
    if "options" in element:
        yield from check_options(element["options"], f"{path}/options")
        return
    groups, problems = check_list(element, "option_groups", path, 1, 100)
    yield from problems
    for i, group in enumerate(groups):
        here = f"{path}/option_groups/{i}"
        if not isinstance(group, dict):
            yield Problem(here, "must be an option group")
            continue
        yield from check_text(group, "label", here, 75, plain=True)
        yield from check_options(group.get("options"), f"{here}/options")


def all_options(element: Json) -> list[Json]:
    """Every option of an element, those in groups too."""
    lists = [element.get("options")]
    groups = element.get("option_groups")
    lists += [group.get("options") for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    return [option for options in lists if isinstance(options, list) for option in options if isinstance(option, dict)]


def check_initial(element: Json, path: str) -> Problems:
    """What is chosen to begin with must be among the options, exactly as it stands there."""
    own = [_comparable(option) for option in all_options(element)]
    one = element.get("initial_option")
    if one is not None and _comparable(one) not in own:
        yield Problem(f"{path}/initial_option", "must exactly match one of the options")
    many = element.get("initial_options")
    if many is None:
        return
    if not isinstance(many, list) or not many:
        yield Problem(f"{path}/initial_options", "must be an array with at least one option")
        return
    for i, option in enumerate(many):
        if _comparable(option) not in own:
            yield Problem(f"{path}/initial_options/{i}", "must exactly match one of the options")


def _comparable(option: Any) -> Any:
    """An option without `emoji`, which Slack adds and ignores when it compares."""
    if isinstance(option, dict):
        return {key: _comparable(value) for key, value in option.items() if key != "emoji"}
    return option


def check_confirm(element: Json, path: str) -> Problems:
    """An element's confirm dialog: title 100, text 300, confirm and deny 30 characters."""
    confirm = element.get("confirm")
    here = f"{path}/confirm"
    if confirm is None:
        return
    if not isinstance(confirm, dict):
        yield Problem(here, "must be a confirmation dialog object")
        return
    yield from check_text(confirm, "title", here, 100, plain=True)
    yield from check_text(confirm, "text", here, 300)
    yield from check_text(confirm, "confirm", here, 30, plain=True)
    yield from check_text(confirm, "deny", here, 30, plain=True)
    yield from check_enum(confirm, "style", here, ("primary", "danger"))
