"""The house rules: who may import whom, views are pure, everything public says what it does, scopes cover the calls."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

# Imports go down only.
BELOW = {
    "bot": {"bot", "commands", "distribution", "storage"},
    "commands": {"commands", "distribution", "storage"},
    "distribution": {"distribution", "storage"},
    "storage": {"storage"},
    "sandbox": {"sandbox"},
}
# The CLI and the demo start the sandbox; nothing else knows it.
MAY_USE_SANDBOX = {"bot/demo.py", "bot/cli.py"}
NO_SLACK_OR_HTTP = {"slack_bolt", "slack_sdk", "fastapi", "starlette", "uvicorn"}
# What a view must not touch: the database, the network, the process.
IMPURE = {"sqlalchemy", "slack_bolt", "requests", "urllib", "aiohttp", "socket", "os", "time", "random", "secrets"}

# What the Web API asks for (docs.slack.dev/reference/methods), by method as slack_sdk names it.
SCOPES = {
    "auth_test": set(),
    "apps_connections_open": set(),  # the app-level token
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_getPermalink": set(),
    "conversations_open": {"im:write"},
    "files_upload_v2": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "files_info": {"files:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_push": set(),
    "views_update": set(),
    "views_publish": set(),
}

# The first word of a Web API method.
FAMILIES = "apps|auth|bots|chat|conversations|files|functions|pins|reactions|team|usergroups|users|views"

FILES = [path for package in BELOW for path in sorted((ROOT / package).rglob("*.py")) if "versions" not in path.parts]
OTHERS = [path for folder in ("tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imported(path)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = BELOW[package] | ({"sandbox"} if name_of(path) in MAY_USE_SANDBOX else set())
    assert tops(path) & (set(BELOW) | {"tests", "benchmarks"}) <= allowed


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.relative_to(ROOT).parts[0] in ("distribution", "storage")], ids=name_of
)
def test_the_engine_knows_neither_slack_nor_http_frameworks(path: Path) -> None:
    assert not tops(path) & NO_SLACK_OR_HTTP


def view_files() -> list[Path]:
    """The modules named views, and those in a folder of that name."""
    return [
        path
        for path in sorted((ROOT / "commands").rglob("*.py"))
        if path.stem == "views" or path.parent.name in ("views", "ui")
    ]


@pytest.mark.parametrize("path", view_files(), ids=name_of)
def test_views_are_pure(path: Path) -> None:
    assert not tops(path) & IMPURE
    text = path.read_text(encoding="utf-8")
    assert "session" not in {node.arg for node in ast.walk(ast.parse(text)) if isinstance(node, ast.arg)}
    assert "datetime.now" not in text


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path) != "distribution/clock.py"], ids=name_of)
def test_nobody_asks_the_machine_what_time_it_is(path: Path) -> None:
    """But `bot.clockwork`, which says when to look, and the sandbox, whose clock is its own."""
    if name_of(path) == "bot/clockwork.py" or path.relative_to(ROOT).parts[0] == "sandbox":
        return
    assert "datetime.now(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everything_public_says_what_it_does(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = [] if ast.get_docstring(tree) or not tree.body else ["the module"]
    bare += [f"{name} (line {node.lineno})" for name, node in public(tree) if not ast.get_docstring(node)]
    assert not bare


def public(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public functions and classes of a module, and the public methods of public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


def called_methods() -> set[str]:
    """Every Web API method that the bot calls on a client."""
    found = set()
    for path in FILES:
        if path.relative_to(ROOT).parts[0] in ("bot", "commands"):
            found |= set(re.findall(rf"\bclient\.((?:{FAMILIES})_[A-Za-z_0-9]+)\(", path.read_text(encoding="utf-8")))
    return found


def test_the_manifest_asks_for_the_scopes_of_every_call_and_no_other() -> None:
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
    asked = set(manifest["oauth_config"]["scopes"]["bot"])
    methods = called_methods()
    assert methods <= set(SCOPES), f"say here which scope these need: {methods - set(SCOPES)}"
    needed = {"commands"} | {scope for method in methods for scope in SCOPES[method]}
    if "url_private_download" in "".join(
        path.read_text(encoding="utf-8") for path in FILES if "commands" in path.parts
    ):
        needed.add("files:read")
    assert asked == needed


def test_the_manifest_has_what_a_real_workspace_needs() -> None:
    """docs.slack.dev/reference/app-manifest: names, lengths, and everything that the listeners wait for."""
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
    command = manifest["features"]["slash_commands"][0]
    assert command["command"] == "/promo"
    assert len(command["description"]) <= 2000 and len(command["usage_hint"]) <= 1000
    assert len(manifest["display_information"]["name"]) <= 35
    assert len(manifest["display_information"]["description"]) <= 140
    assert 175 <= len(manifest["display_information"]["long_description"]) <= 4000
    assert manifest["settings"]["socket_mode_enabled"] and manifest["settings"]["interactivity"]["is_enabled"]
    assert manifest["features"]["app_home"]["home_tab_enabled"]
    text = "".join(path.read_text(encoding="utf-8") for path in FILES if "commands" in path.parts)
    events = set(re.findall(r"app\.event\(\"([a-z_.]+)\"", text))
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == events


def test_files_are_rooms() -> None:
    """One subject, seldom over 300 lines: never over 400."""
    long = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*FILES, *OTHERS]}
    assert not {name: lines for name, lines in long.items() if lines > 400}
