"""Finding what a person meant: the nearest of the names there are."""

from collections.abc import Iterable

from rapidfuzz import fuzz, process

from storage.names import fold

# Below this share of equal characters (0 to 100) a suggestion is a guess that annoys.
CLOSE = 60


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word`, or None when none is like it. Case, width and spaces do not count."""
    found = process.extractOne(word, list(candidates), scorer=_likeness, processor=fold, score_cutoff=CLOSE)
    return found[0] if found else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """What follows an error's first sentence ("… Did you mean 'Summer 10%'?"); empty when nothing is near."""
    found = nearest(word, candidates)
    return f" Did you mean '{found}'?" if found else ""


def containing(words: str, candidates: Iterable[str]) -> list[str]:
    """The candidates that hold every one of `words`, in their own order; all of them for no words."""
    wanted = fold(words).split()
    return [candidate for candidate in candidates if all(word in fold(candidate) for word in wanted)]


def _likeness(word: str, candidate: str, *, score_cutoff: float | None = None) -> float:
    """How alike two folded names are; one that begins the other ("summ", "summer 10%") counts as near."""
    whole = fuzz.ratio(word, candidate, score_cutoff=score_cutoff)
    if len(word) >= 3 and candidate.startswith(word):
        return max(whole, 90.0)
    return whole
