"""`/promo segments`: list, build, rename, clone and delete segments.

For other surfaces: a button with the action id `segments.open` and a segment's id as value opens the segment, from a
message or a modal; `segments.create` and `segments.create_list` (no value) open the builder and the list form. A select
made by `commands.segments.views.segment_select(segments, "segments.options:whatever")` is static up to a hundred
segments and searches beyond; choosing one in a select with the plain id `segments.options` opens the segment.
"""

from slack_bolt import App

from commands.segments import building, listeners, lists
from commands.verbs import Verb
from distribution.runtime import Runtime

VERB = Verb("segments", "[name]", "Parts of your customers, by rules or as lists", listeners.run)


def register(app: App, runtime: Runtime) -> None:
    """Every listener of this package."""
    listeners.register(app, runtime)
    building.register(app, runtime)
    lists.register(app, runtime)
