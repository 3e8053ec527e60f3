"""Logging: one line an event, in words or in JSON; no secrets, and phone numbers masked."""

import logging
import re
import sys
from typing import Any

import structlog

# E.164 numbers and what looks like one: a plus and seven or more digits, perhaps spaced.
PHONE = re.compile(r"\+\d[\d \-]{6,}\d")
# Slack's tokens, and the addresses that are as good as one.
SECRET = re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|https?://hooks\.slack\.com/\S+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")

NOISY = (
    "aiohttp.access",
    "alembic",
    "apscheduler",
    "httpx",
    "procrastinate",
    "slack_bolt",
    "slack_sdk",
    "uvicorn.access",
)


def clean(text: str) -> str:
    """`text` with secrets removed and phone numbers masked down to their last three digits."""
    return PHONE.sub(lambda number: f"{number[0][:3]}…{number[0][-3:]}", SECRET.sub("[secret]", text))


def _clean_event(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The processor that every line passes last, so that nothing is written uncleaned."""
    return {key: _clean_value(value) for key, value in event.items()}


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _clean_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_value(inner) for inner in value]
    return value


SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
)


def use_standard_logging() -> None:
    """Let structlog speak through the standard library's loggers, so that one handler sees everything."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def configure(level: str = "INFO", style: str = "text", *, stream: Any = None) -> None:
    """Send everything that is logged through one chain to `stream` (standard error by default)."""
    time = structlog.processors.TimeStamper(fmt="%H:%M:%S" if style == "text" else "iso", utc=style != "text")
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if style == "text"
        else structlog.processors.JSONRenderer()
    )
    use_standard_logging()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED],
            processors=[
                time,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _clean_event,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel("WARNING")
