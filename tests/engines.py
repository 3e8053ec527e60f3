"""What every engine of a test process shares: SQL, once it is compiled.

Each test has a database of its own, and would compile each statement again: more than half of its time. One bot, which
has one engine, compiles a statement once too.
"""

from typing import Any

from sqlalchemy import URL, Dialect, Engine, create_engine, event
from sqlalchemy.util import LRUCache

_statements: LRUCache[Any, Any] = LRUCache(4_000)
_dialects: dict[str, Dialect] = {}  # compiled SQL is kept by dialect


def sharing(url: URL, **options: Any) -> Engine:
    """As SQLAlchemy's `create_engine`; the engine knows what the others of this process compiled."""
    engine = create_engine(url, execution_options={"compiled_cache": _statements}, **options)
    name = engine.dialect.name
    if name in _dialects:
        engine.dialect = _dialects[name]
    else:  # a dialect learns from its first connection which server it talks to
        event.listen(engine, "first_connect", lambda *_: _dialects.setdefault(name, engine.dialect))
    return engine
