"""What a process is told by its environment, and what it says when something is missing."""

import stat
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, Unset, parse_roles


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, **{"database_url": f"sqlite:///{tmp_path}/promobot.db"} | given)


def test_all_that_is_missing_is_named_at_once_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Unset) as said:
        settings(tmp_path).require({"slack"})
    assert "SLACK_BOT_TOKEN is missing" in str(said.value)
    assert "SLACK_APP_TOKEN is missing" in str(said.value)
    assert str(said.value).count("api.slack.com/apps") == 2


def test_swapped_tokens_are_noticed(tmp_path: Path) -> None:
    swapped = settings(tmp_path, slack_bot_token="xapp-1-secret", slack_app_token="xoxb-secret")
    with pytest.raises(Unset, match="are the two swapped") as said:
        swapped.require({"slack"})
    assert "secret" not in str(said.value)


@pytest.mark.parametrize("roles", [{"web"}, {"clock", "sender"}])
def test_without_the_slack_role_no_token_is_needed(tmp_path: Path, roles: set[str]) -> None:
    settings(tmp_path).require(roles)


def test_postgresql_needs_a_key_that_all_processes_share(tmp_path: Path) -> None:
    with pytest.raises(Unset, match="SECRET_KEY is missing"):
        settings(tmp_path, database_url="postgresql://localhost/promobot").require({"web"})


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unset, match="16 characters"):
        settings(tmp_path, secret_key="short").require({"web"})


def test_beside_sqlite_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = settings(tmp_path).key()
    assert len(first) >= 32
    assert settings(tmp_path).key() == first
    assert stat.S_IMODE((tmp_path / "promobot.key").stat().st_mode) == 0o600


def test_a_given_key_comes_first(tmp_path: Path) -> None:
    assert settings(tmp_path, secret_key="given by the environment").key() == "given by the environment"
    assert not (tmp_path / "promobot.key").exists()


def test_secrets_do_not_show_when_settings_are_printed(tmp_path: Path) -> None:
    shown = repr(settings(tmp_path, slack_bot_token="xoxb-1-secret", secret_key="sixteen or more characters"))
    assert "xoxb-1-secret" not in shown and "sixteen or more" not in shown


def test_links_start_at_the_public_url_else_on_this_machine(tmp_path: Path) -> None:
    assert settings(tmp_path, port=8123).links_url == "http://localhost:8123"
    assert settings(tmp_path, public_url="https://promo.example").links_url == "https://promo.example"


def test_roles_are_read_as_people_type_them() -> None:
    assert parse_roles(" Slack, web ,") == {"slack", "web"}
    with pytest.raises(ValueError, match=r"no role 'worker'\. There are: slack, web, clock, jobs, sender"):
        parse_roles("slack,worker")
    with pytest.raises(ValueError, match="No role"):
        parse_roles(" , ")
