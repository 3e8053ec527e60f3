"""`/promo segments`: list, build, rename, clone and delete segments, and look through their members.

For other surfaces: a button with the action id `segments.open` and a segment's id as value opens the segment, from a
message or a modal; `segments.create` and `segments.create_list` (no value) open the builder and the list form. A select
made by `commands.segments.views.segment_select(segments, "segments.options:whatever")` is static up to a hundred
segments and searches beyond; choosing one in a select with the plain id `segments.options` opens the segment. A surface
that wants a segment made for itself opens the builder with `building.begin` and listens with `building.accept`.
"""

from slack_bolt import App

from commands.segments import building, members
from commands.segments.listeners import Segments
from commands.segments.live import Counts
from commands.verbs import Ask, Verb
from distribution.runtime import Runtime

# One for this process: what it remembers is which count to stop.
COUNTS = Counts()


def _run(ask: Ask) -> None:
    """`/promo segments [name]`."""
    Segments(ask.runtime, COUNTS).run(ask)


VERB = Verb("segments", "[name]", "Parts of your customers, by rules or as lists", _run)


def register(app: App, runtime: Runtime) -> None:
    """Every listener of this package."""
    Segments(runtime, COUNTS).register(app)
    building.register(app, runtime, COUNTS)
    members.register(app, runtime, COUNTS)
