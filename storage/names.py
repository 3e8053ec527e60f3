"""Names that people type: how they are compared."""

import unicodedata


def fold(name: str) -> str:
    """The form in which names that a person would call the same are equal: case, width, spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
