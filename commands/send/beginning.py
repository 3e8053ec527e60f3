"""How the wizard begins: empty, with what was named after `/promo send`, or in the middle of a draft."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from commands.people import Person
from commands.send import show
from commands.send.place import Place
from commands.ui.text import clip, code, escape
from commands.verbs import Ask
from distribution import drafts
from distribution.runtime import Runtime
from distribution.search import nearest
from storage.names import fold


@dataclass(frozen=True)
class Named:
    """What words after `/promo send` turned out to be."""

    place: Place
    note: str = ""


def run(ask: Ask) -> None:
    """`/promo send [words]`."""
    with ask.runtime.db.read() as session:
        named = find(session, ask.words, Place(None, channel=ask.channel), ask.person)
        view = show.view(ask.runtime, session, named.place, ask.person, note=named.note)
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


def find(session: Session, words: str, start: Place, person: Person) -> Named:
    """The draft, segment or group that a person calls `words`: the first opens, the others are chosen beforehand."""
    key = fold(words)
    if not key:
        return Named(start)
    mine = {fold(show.title(draft)): draft for draft in drafts.open_of(session, person.user_id)}
    segments = {fold(name): (segment_id, name) for segment_id, name in show.all_segments(session)}
    groups = {fold(group.name): group for group in show.all_groups(session)}
    if key in mine:
        return Named(left_at(mine[key].id, drafts.reached(mine[key])))
    if key in segments:
        segment_id, name = segments[key]
        return Named(
            Place(None, channel=start.channel, segment=segment_id), f"To the segment “{escape(name)}”, to begin with."
        )
    if key in groups:
        group = groups[key]
        return Named(
            Place(None, channel=start.channel, group=group.id),
            f"With codes from “{escape(group.name)}”, to begin with.",
        )
    known = [*(show.title(draft) for draft in mine.values()), *(name for _, name in segments.values())]
    near = nearest(words, [*known, *(group.name for group in groups.values())])
    hint = f" Did you mean {code(f'/promo send {near}')}?" if near else ""
    return Named(start, f"No segment, group or draft of yours is called “{escape(clip(words, 60))}”.{hint}")


def left_at(draft_id: int, step: int) -> Place:
    """Where a draft is continued."""
    return Place(draft_id, step, turn=1)


def draft_view(
    runtime: Runtime, session: Session, draft_id: int, person: Person, *, turn: int = 1, note: str = ""
) -> dict[str, Any]:
    """The wizard's modal at the step at which a draft was left; `note`: a word above it, in mrkdwn.

    Raises `Refused`: gone, sent, or somebody else's.
    """
    draft = drafts.get(session, draft_id, by=person.user_id)
    return show.view(runtime, session, Place(draft.id, drafts.reached(draft), turn), person, note=note)
