"""`python -m benchmarks [module…]`: run them, print each figure beside its ceiling."""

import importlib
import pkgutil
import sys

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.figure import Figure

# What the others measure with.
TOOLS = ("__main__", "cache", "campaign", "clients", "databases", "figure", "others", "sink")


def modules() -> list[str]:
    """The modules of this package that measure something: those with a `run`."""
    return [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if found.name not in TOOLS]


def main(wanted: list[str]) -> int:
    """Run the wanted modules, all for none; 2 when there is no such module."""
    unknown = set(wanted) - set(modules())
    if unknown:
        print(f"There is no benchmark '{sorted(unknown)[0]}'. There are: {', '.join(modules())}.")
        return 2
    console = Console()
    for name in wanted or modules():
        module = importlib.import_module(f"benchmarks.{name}")
        if not hasattr(module, "run"):
            console.print(f"{name} prints its own: python -m benchmarks.{name}")
            continue
        figures: list[Figure] = module.run()
        table = Table(title=name, title_justify="left")
        for column in ("figure", "measured", "ceiling", "", "ratio"):
            table.add_column(column, justify="left" if column in ("figure", "ceiling") else "right")
        for figure in figures:
            table.add_row(
                figure.name,
                _number(figure.value, figure.unit),
                figure.ceiling,
                _number(figure.ceiling_value, figure.unit),
                f"{figure.ratio:.2f}",
            )
        console.print(table)
    return 0


def _number(value: float, unit: str) -> str:
    """A figure as it is read: with two decimals where it is small."""
    return f"{value:,.2f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
