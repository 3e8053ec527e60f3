"""How a group's codes are made: its formats, how many of each, and what stands around all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from distribution.codes.format import LOOKALIKES, Format
from distribution.codes.rules import problem
from distribution.errors import Refused
from storage.tables import PromoCodeGroup

SHARE_MAX = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """Formats as they were typed, and what holds for all of them.

    `shares` are weights in the order of `texts` (70, 30; 2, 1); none: alike, as far as each format has room. `prefix`
    and `suffix` are literal text around each code; without look-alikes, nothing is drawn from `LOOKALIKES`.
    """

    texts: tuple[str, ...] = ()
    shares: tuple[int, ...] = ()
    prefix: str = ""
    suffix: str = ""
    without_lookalikes: bool = False

    @classmethod
    def of(cls, group: PromoCodeGroup) -> "Recipe":
        """The recipe of a group's row."""
        return cls(
            tuple(group.formats or ()),
            tuple(group.shares or ()),
            group.prefix or "",
            group.suffix or "",
            bool(group.without_lookalikes),
        )

    @classmethod
    def from_detail(cls, detail: dict[str, Any]) -> "Recipe":
        """The recipe that a lot was begun with; see `detail`."""
        return cls(
            tuple(detail["formats"]),
            tuple(detail.get("shares", ())),
            without_lookalikes=bool(detail.get("without_lookalikes")),
        )

    @property
    def detail(self) -> dict[str, Any]:
        """As a lot keeps it (JSON): whoever goes on with the lot makes such codes, whatever the group says by then."""
        return {
            "formats": [form.text for form in self.formats],
            "shares": list(self.shares),
            "without_lookalikes": self.without_lookalikes,
        }

    @property
    def without(self) -> str:
        """The characters that nothing is drawn from."""
        return LOOKALIKES if self.without_lookalikes else ""

    @cached_property
    def formats(self) -> list[Format]:
        """The formats with all that holds for them. Raises `Refused` at "formats", "shares", "prefix" or "suffix"."""
        for field, literal in (("prefix", self.prefix), ("suffix", self.suffix)):
            if literal and (why := problem(literal)):
                raise Refused(f"The {field} cannot stand in a code: {why}.", field=field)
        if self.shares and len(self.shares) != len(self.texts):
            raise Refused(
                f"{len(self.shares)} shares for {len(self.texts)} formats: write one for each, in the order of the "
                "formats, or none.",
                field="shares",
            )
        odd = next((share for share in self.shares if not 1 <= share <= SHARE_MAX), None)
        if odd is not None:
            raise Refused(f"A share is a number from 1 to {SHARE_MAX:,}, not {odd:,}.", field="shares")
        parsed = [Format.parse(text, without=self.without) for text in self.texts]
        return [form.between(self.prefix, self.suffix) for form in parsed]


def shares_of(text: str) -> tuple[int, ...]:
    """Shares as typed: "70, 30", "70% 30%", "2 1". Raises `Refused` (field "shares")."""
    words = text.replace(",", " ").replace(";", " ").replace("%", " ").replace("/", " ").split()
    odd = next((word for word in words if not (word.isascii() and word.isdigit() and len(word) <= 9)), None)
    if odd is not None:
        raise Refused(f"'{odd}' is not a share. Write a whole number for each format, such as 70, 30.", field="shares")
    return tuple(map(int, words))


def put(group: PromoCodeGroup, recipe: Recipe) -> None:
    """Write a recipe into a group's row. Raises `Refused` as `Recipe.formats` does."""
    recipe.formats  # noqa: B018 -- raises what is wrong with it
    group.formats, group.shares = list(recipe.texts), list(recipe.shares)
    group.prefix, group.suffix = recipe.prefix, recipe.suffix
    group.without_lookalikes = recipe.without_lookalikes


def texts_of(formats: Sequence[Format]) -> tuple[str, ...]:
    """Formats as they are kept."""
    return tuple(form.text for form in formats)
