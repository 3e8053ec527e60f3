"""What the log says, and what it never says."""

import io
import json
import logging

import pytest
import structlog

from bot import log


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("texted +48732100218", "texted +48…218"),
        ("texted +48 732 100 218 twice", "texted +48…218 twice"),
        ("Authorization: Bearer xoxb-12-abc", "Authorization: Bearer [secret]"),
        ("token=xapp-1-A-2-b", "token=[secret]"),
        ("postgresql://me:hunter2@db/promobot", "postgresql://[secret]@db/promobot"),
        ("12 of 34 at 10:00", "12 of 34 at 10:00"),
    ],
)
def test_secrets_go_and_numbers_are_masked(said: str, written: str) -> None:
    assert log.clean(said) == written


@pytest.mark.parametrize("style", ["text", "json"])
def test_not_even_a_stack_trace_tells_a_number(style: str) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        log.configure("INFO", style, stream=stream)
        try:
            raise ValueError("no such number: +48732100218")
        except ValueError:
            structlog.get_logger("promobot.test").exception("failed", phones=["+48732100219"])
        logging.getLogger("elsewhere").warning("plain logging: %s", "+48732100220")
    finally:
        root.handlers[:], root.level = before, level
        structlog.reset_defaults()
    written = stream.getvalue()
    assert "ValueError" in written and "plain logging" in written
    assert "732100" not in written
    if style == "json":
        assert [json.loads(line)["level"] for line in written.splitlines()] == ["error", "warning"]
