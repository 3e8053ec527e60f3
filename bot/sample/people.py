"""Customers who do not exist: believable, and the same at every run. Pure.

Numbers come from ranges that are reserved for fiction where a country has one that phonenumbers takes for valid
(Germany 0171 39200xx, Sweden 070 1740605–699, United States 555-01xx); Poland has none, so its numbers could be
somebody's: a text to sample customers must only ever go to the sandbox's phone.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

SEED = 20260615
TODAY = date(2026, 6, 15)


@dataclass(frozen=True)
class Place:
    """A city and who lives there. `share`: of a hundred customers."""

    city: str
    region: str
    time_zone: str
    locale: str
    share: int


PLACES = (
    Place("Warsaw", "PL", "Europe/Warsaw", "pl-PL", 32),
    Place("Kraków", "PL", "Europe/Warsaw", "pl-PL", 12),
    Place("Gdańsk", "PL", "Europe/Warsaw", "pl-PL", 8),
    Place("Wrocław", "PL", "Europe/Warsaw", "pl-PL", 8),
    Place("Berlin", "DE", "Europe/Berlin", "de-DE", 14),
    Place("Stockholm", "SE", "Europe/Stockholm", "sv-SE", 12),
    Place("New York", "US", "America/New_York", "en-US", 9),
    Place("Chicago", "US", "America/Chicago", "en-US", 5),
)

FIRST = {
    "PL": (
        "Anna Katarzyna Maria Agnieszka Barbara Ewa Magdalena Joanna Monika Zofia Natalia Karolina Aleksandra Julia "
        "Marta "
        "Piotr Krzysztof Andrzej Tomasz Marcin Jakub Adam Marek Kamil Wojciech Grzegorz Mateusz Paweł Michał Łukasz"
    ),
    "DE": "Lena Hannah Mia Emma Leonie Clara Sophie Johanna Lukas Jonas Felix Maximilian Paul Moritz Jürgen Björn",
    "SE": "Elsa Astrid Maja Freja Ebba Saga Linnea Oskar Erik Hugo Axel Nils Viktor Gustav Åsa Örjan",
    "US": "Emily Olivia Ava Grace Chloe Naomi Zoe Ethan Noah Liam Mason Caleb Marcus Andre DeShawn Renée",
}
LAST = {
    "PL": (
        "Nowak Kowalska Wiśniewska Wójcik Kowalczyk Kamińska Lewandowska Zielińska Szymańska Woźniak Dąbrowska Mazur "
        "Kozłowska Jankowska Kwiatkowska Krawczyk Grabowska Pawlak Michalska Zając Król Wieczorek Jabłońska Sikora"
    ),
    "DE": "Müller Schmidt Schneider Fischer Weber Wagner Becker Hoffmann Koch Richter Wolf Neumann Braun Krüger",
    "SE": "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Lindberg Lindqvist Sandström Åkesson",
    "US": "Johnson Williams Brown Garcia Davis Martinez Robinson Clark Nguyen Rivera O'Connor Patel Kim Brooks Foster",
}

# Polish surnames in -ska are a woman's; these first names are men's.
MEN = frozenset(FIRST["PL"].split()[15:])

# The three whose names do to a text what names do: a typographic apostrophe, an emoji, no last name.
ODD_NAMES = {37: "D’Arcy Johnson", 61: "Zosia 🌿 Mazur", 88: "Ola"}

TIERS = ("bronze",) * 6 + ("silver",) * 3 + ("gold",)

# The sandbox's phone refuses the first for good and fails to deliver the second (sandbox/README.md §2).
NO_SUCH_NUMBER, NOT_DELIVERED = "+48732210000", "+48732340001"


def customers(total: int) -> Iterator[dict[str, Any]]:
    """`total` customers as rows: name, phone, source_id, region, locale, time_zone, consent, attributes."""
    chance = random.Random(SEED)  # noqa: S311 - the same people at every run, nothing secret
    numbers = _Numbers()
    shares = [place.share for place in PLACES]
    for index in range(total):
        place = chance.choices(PLACES, shares)[0]
        phone = numbers.next(place.region)
        if phone is None:  # the range for fiction is used up
            place = PLACES[index % 4]
            phone = numbers.next(place.region)
        yield {
            "source_id": f"crm-{index + 1:06d}",
            "name": ODD_NAMES.get(index) or _name(chance, place.region),
            "phone": {20: NO_SUCH_NUMBER, 45: NOT_DELIVERED}.get(index, None if index % 60 == 59 else phone),
            "region": place.region,
            "locale": place.locale,
            "time_zone": place.time_zone,
            "consent": _consent(index),
            "attributes": _attributes(chance, place if index not in (20, 45) else PLACES[0], index in (20, 45)),
        }


def _name(chance: random.Random, region: str) -> str:
    first = chance.choice(FIRST[region].split())
    last = chance.choice(LAST[region].split())
    if first in MEN and last.endswith("ska"):
        last = f"{last[:-1]}i"
    return f"{first} {last}"


def _consent(index: int) -> str:
    """Nine in ten gave consent, a few opted out again, the rest were never asked."""
    if index % 23 == 11:
        return "opted_out"
    return "unknown" if index % 17 == 5 else "given"


def _attributes(chance: random.Random, place: Place, regular: bool) -> dict[str, Any]:
    orders = max(4 if regular else 0, int(chance.expovariate(1 / 4)))
    found: dict[str, Any] = {"city": place.city, "tier": chance.choice(TIERS), "orders": orders}
    if orders:
        found["last_order"] = (TODAY - timedelta(days=int(chance.triangular(1, 400, 30)))).isoformat()
    found["newsletter"] = chance.random() < 0.6
    return found


class _Numbers:
    """Numbers that are used once each, by region."""

    def __init__(self) -> None:
        self._by_region = {"PL": _polish(), "DE": _german(), "SE": _swedish(), "US": _american()}

    def next(self, region: str) -> str | None:
        """The next one, None when a region has no more."""
        return next(self._by_region[region], None)


def _polish() -> Iterator[str]:
    """Mobile numbers from 732 on, in an order that does not look counted."""
    for block in count(732):
        for n in range(1_000_000):
            tail = (n * 7919 + 100_218) % 1_000_000
            number = f"+48{block}{tail:06d}"
            # Numbers that end in 0000 and 0001 mean something to the sandbox's phone.
            if tail % 10_000 > 1 and number not in (NO_SUCH_NUMBER, NOT_DELIVERED):
                yield number


def _german() -> Iterator[str]:
    return (f"+491713920{n:03d}" for n in range(2, 100))


def _swedish() -> Iterator[str]:
    return (f"+46701740{n}" for n in range(605, 697))


def _american() -> Iterator[str]:
    return (f"+1{area}555{n:04d}" for area in (212, 312, 718, 773) for n in range(102, 200))
