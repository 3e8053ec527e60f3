"""SMS providers: what one is (`port`), how they are set up (`registry`), and one module per kind.

from distribution import providers
providers.add(session, runtime.vault, name="Phone", kind="sandbox", config={"base_url": …}, by=user, now=now)
"""

from distribution.providers.registry import (
    add,
    by_name,
    default,
    delete,
    edit,
    enable,
    get,
    listing,
    make_default,
    opened,
    send_test,
)

__all__ = [
    "add",
    "by_name",
    "default",
    "delete",
    "edit",
    "enable",
    "get",
    "listing",
    "make_default",
    "opened",
    "send_test",
]
