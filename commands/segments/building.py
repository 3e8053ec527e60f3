"""Building a segment in a modal: rows added and removed, counted as they change, saved.

Another surface may open the builder to have a segment made for itself: it shows `begin` with a callback id of its own
that begins with `build_views.BUILD` and ":", and listens to that submit with `accept`.
"""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from commands import later
from commands.people import Person, acting
from commands.segments import build_views, live, long_lists, offers, reading, translating, views
from commands.segments import draft as drafts
from commands.segments.build_views import Told
from commands.segments.draft import Draft
from commands.segments.page import below, done
from commands.segments.views import Shown
from commands.segments.warning import Used, before_saving
from commands.ui import choose
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import asking, counting, editing, using
from distribution.segments.asking import Known
from distribution.segments.looking import LONGEST
from distribution.segments.names import check
from distribution.segments.rules import parse
from storage import uploads
from storage.patience import TooSlow, unless
from storage.rules import Rules
from storage.tables import Distribution

CHOICES = re.compile(
    r"^segments\.(match|field(:\w+)?|op:\w+|about:\w+|within|add:\d+|add_group|add_property:\d+|remove:\d+"
    r"|empty_list:\d+|count|value:(region|zone|known:\w+))$"
)
TYPED = re.compile(r"^segments\.(value|days)$")
SEARCHES = re.compile(r"^segments\.(field(:\w+)?|about:\w+|value:(region|zone))$")

KNOWN_VALUES = re.compile(r"^segments\.value:known:\w+$")

# Seconds that a count waits for the next character.
PAUSE = 0.3


@dataclass(frozen=True)
class Screen:
    """A builder's modal: where it came from and what it is for (`metadata`), and its callback id."""

    metadata: Mapping[str, Any]
    callback_id: str = build_views.BUILD

    @property
    def segment(self) -> int | None:
        """The segment that is edited; None for a new one."""
        return self.metadata.get("segment")


def register(app: App, runtime: Runtime, counts: live.Counts) -> None:
    """The builder's buttons, selects, inputs and submit."""

    @app.action(views.CREATE)
    def create(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        person = acting(runtime, body, "edit")
        view = body.get("view") or {}
        metadata = {"list": view["id"]} if view.get("callback_id") == views.LIST else {}
        begin(runtime, counts, client, body, person, Screen(metadata))

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "edit")
        with runtime.db.read() as session:
            segment = editing.get(session, int(action["value"]))
            known = asking.known(session, but=segment.id)
            draft = translating.draft_of(segment.name, parse(segment.rules), known)
        if len(draft.rows) > drafts.ROWS or len(draft.matches) > drafts.GROUPS + 1:
            raise Refused(
                f"'{segment.name}' has more rules than a modal in Slack can hold ({drafts.ROWS}). It was made over "
                "HTTP, and can be changed there."
            )
        draft = long_lists.with_stored(runtime, draft, known, by=person.user_id)
        screen = Screen(below(body, segment.id))
        _show(runtime, counts, draft, screen, live.opening(client, body))

    @app.options(SEARCHES)
    def searched(ack: Ack, payload: dict[str, Any]) -> None:
        with runtime.db.read() as session:
            known = asking.known(session)
        offered = build_views.options_for(payload["action_id"], known)
        ack(options=choose.matching(offered, payload.get("value") or ""))

    @app.options(KNOWN_VALUES)
    def suggested(ack: Ack, payload: dict[str, Any]) -> None:
        typed = str(payload.get("value") or "").strip()[: drafts.OPTION_MAX]
        with runtime.db.read() as session:
            found = asking.values(session, payload["action_id"].rpartition(":")[2])
        ack(options=offers.values(found, typed))

    @app.action(CHOICES)
    @app.action(TYPED)
    def change(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        view = body["view"]
        typing = TYPED.match(action["action_id"]) is not None and action.get("type") != "datepicker"
        # A character gives way to a newer one, which shows all that it would have; a press never does.
        stopped = counts.begin(view["id"], float(action.get("action_ts") or 0) if typing else 0.0)
        if typing and stopped.wait(PAUSE):
            return
        screen = _screen(view)
        with runtime.db.read() as session:
            known = asking.known(session, but=screen.segment)
        draft = _after(reading.read(view, known), action, known)
        row = int(action["block_id"].split(":")[2]) if typing else 0
        draft, problems = long_lists.take_in(runtime, client, view, draft, known, by=body["user"]["id"], typing=row)
        _show(runtime, counts, draft, screen, live.redrawing(client, body), stopped, problems=problems)

    @app.action(build_views.STOP)
    def stop(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        view = body["view"]
        counts.stop(view["id"])
        screen = _screen(view)
        with runtime.db.read() as session:
            known = asking.known(session, but=screen.segment)
            draft = reading.read(view, known)
            modal = _modal(session, draft, known, screen, Told(Shown("stopped")))
        live.redrawing(client, body)(modal)

    @app.view_closed(re.compile(rf"^{re.escape(build_views.BUILD)}(:\w+)?$"))
    def closed(ack: Ack, view: dict[str, Any]) -> None:
        ack()
        counts.stop(view["id"])

    @app.view(build_views.BUILD)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        segment_id = accept(runtime, counts, ack, client, view, person)
        if segment_id is not None:
            done(ack, runtime, counts, client, person, view, segment_id)


def begin(
    runtime: Runtime, counts: live.Counts, client: WebClient, body: Mapping[str, Any], person: Person, screen: Screen
) -> None:
    """Open the builder for a new segment, with one rule to begin with. Raises `Refused`."""
    person.must("edit")
    _show(runtime, counts, drafts.new_row(Draft()), screen, live.opening(client, body))


def accept(
    runtime: Runtime, counts: live.Counts, ack: Ack, client: WebClient, view: Mapping[str, Any], person: Person
) -> int | None:
    """Save what a builder's modal holds; returns the segment's id, and leaves the answer to the caller.

    None where it was not saved, and answered already: with errors at their rows, or with the values of a file that was
    chosen since.
    """
    counts.stop(view["id"])
    screen = _screen(view)
    with runtime.db.read() as session:
        known = asking.known(session, but=screen.segment)
    draft = reading.read(view, known)
    if list(reading.uploaded(view)):
        _read_first(runtime, counts, ack, client, view, draft, known, screen, person)
        return None
    with runtime.db.read() as session:
        given = long_lists.lists(session, draft)
    full = long_lists.filled(draft, given)
    try:
        rules = translating.rules(full, known)
        with runtime.db.write() as session:
            _check(session, full, rules, known, screen)
            segment_id = _save(runtime, session, screen.segment, draft.name, rules, person.user_id)
            for row in draft.rows:
                if row.upload is not None:
                    uploads.drop(session, row.upload)
    except translating.RowsRefused as refusal:
        errors = build_views.errors_of(draft, known, refusal.problems)
        if errors is not None:
            ack(response_action="errors", errors=errors)
        else:
            with runtime.db.read() as session:
                told = Told(Shown("refused", why_not=str(refusal)), refusal.problems)
                ack(response_action="update", view=_modal(session, draft, known, screen, told))
        return None
    except Refused as refusal:
        ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
        return None
    return segment_id


def _read_first(
    runtime: Runtime,
    counts: live.Counts,
    ack: Ack,
    client: WebClient,
    view: Mapping[str, Any],
    draft: Draft,
    known: Known,
    screen: Screen,
    person: Person,
) -> None:
    """A file was chosen, and Save pressed: read it, and show what is in it before anything is saved."""
    with runtime.db.read() as session:
        waiting, mark = later.meanwhile(_modal(session, draft, known, screen, Told(note="Reading the file…")))
    ack(response_action="update", view=waiting)
    draft, problems = long_lists.take_in(runtime, client, view, draft, known, by=person.user_id, typing=0)
    note = "" if problems else "The file was read. Look at the count, and press Save."

    put = live.after(client, str(view["id"]), mark)
    _show(runtime, counts, draft, screen, put, problems=problems, note=note)


def _after(draft: Draft, action: Mapping[str, Any], known: Known) -> Draft:
    """The draft after a button; selects and inputs are read from the screen already."""
    what, _, which = str(action["action_id"]).partition(":")
    if what == build_views.ADD_ROW:
        return drafts.new_row(draft, int(which))
    if what == build_views.ADD_GROUP:
        return drafts.new_group(draft)
    if what == build_views.ADD_PROPERTY:
        return drafts.new_property(draft, int(which), known)
    if what == build_views.REMOVE:
        return drafts.without_row(draft, int(which))
    if what == build_views.EMPTY_LIST:
        return drafts.with_list(draft, int(which), None)
    return draft


def _save(runtime: Runtime, session: Session, segment_id: int | None, name: str, rules: Rules, by: str) -> int:
    """Make the segment, or give it this name and these rules; returns its id. Raises `Refused`."""
    now = runtime.clock.now()
    if segment_id is None:
        return editing.create(session, name, rules, by=by, now=now).id
    editing.rename(session, segment_id, name, now=now)
    return editing.change_rules(session, segment_id, rules, now=now).id


def _check(session: Session, draft: Draft, rules: Rules, known: Known, screen: Screen) -> None:
    """Hold rules to what there is. Raises `RowsRefused` for the row that is wrong, `Refused` for the whole."""
    try:
        check(session, rules, of=screen.segment)
    except Refused as refusal:
        for row in draft.rows:
            alone = replace(draft, rows=(row, *draft.properties(row)), matches={drafts.TOP: "all", row.group: "all"})
            if row.of or not alone.rows:
                continue
            try:
                check(session, translating.rules(alone, known), of=screen.segment)
            except Refused as why:
                raise translating.RowsRefused({row.id: str(why)}) from None
        raise refusal from None


def _show(
    runtime: Runtime,
    counts: live.Counts,
    draft: Draft,
    screen: Screen,
    put: live.Put,
    stopped: threading.Event | None = None,
    *,
    problems: Mapping[int, str] | None = None,
    note: str = "",
) -> None:
    """Show the builder: counted where that is quick, else again when it is."""
    told = Told(problems=problems or {}, note=note)
    with runtime.db.read() as session:
        known = asking.known(session, but=screen.segment)
        given = long_lists.lists(session, draft)
        told = replace(told, lists=given, warning=_warning(session, screen))
        full = long_lists.filled(draft, given)
        try:
            rules = translating.rules(full, known)
            _check(session, full, rules, known, screen)
        except (translating.RowsRefused, Refused) as refusal:
            told = replace(told, shown=Shown("refused", why_not=str(refusal)))
            rules = None

    def draw(shown: Shown) -> dict[str, Any]:
        return _drawn(draft, known, screen, replace(told, shown=shown))

    if rules is None:
        put(draw(told.shown))
        return
    chosen = rules

    def where(session: Session) -> ColumnElement[bool]:
        return counting.matching(session, chosen, runtime.clock.now())

    done = live.show(runtime, counts, where, draw, put, stopped)
    if told.warning and done.found and done.placed:  # who comes in and who goes is counted last: it takes longest
        warning = _counted_warning(runtime, screen, chosen, done.stopped)
        if warning and not done.stopped.is_set():
            shown = live.shown(done.found)
            done.placed.again(_drawn(draft, known, screen, replace(told, shown=shown, warning=warning)))


def _modal(session: Session, draft: Draft, known: Known, screen: Screen, told: Told) -> dict[str, Any]:
    """The builder's modal, without counting anything."""
    told = replace(told, lists=long_lists.lists(session, draft), warning=_warning(session, screen))
    return _drawn(draft, known, screen, told)


def _drawn(draft: Draft, known: Known, screen: Screen, told: Told) -> dict[str, Any]:
    """The view, with its own callback id."""
    return build_views.build(draft, known, told, metadata=screen.metadata) | {"callback_id": screen.callback_id}


def _warning(session: Session, screen: Screen) -> str:
    """What saving will do to what uses the segment, in mrkdwn; nothing where nothing does."""
    if screen.segment is None:
        return ""
    uses = using.uses(session, screen.segment)
    manual = [each for each in uses.distributions if each.mode != "automatic"]
    return before_saving(
        Used(
            _subjects(uses.automatic),
            _subjects([each for each in manual if each.status in using.UNFIXED]),
            _subjects([each for each in manual if each.status not in using.UNFIXED]),
            [each.name for each in uses.segments],
        )
    )


def _counted_warning(runtime: Runtime, screen: Screen, rules: Rules, stopped: threading.Event) -> str:
    """The same with how many come in and go; nothing where that was stopped, or takes too long."""
    with runtime.db.read() as session:
        try:
            with unless(session, stopped, LONGEST):
                segment = editing.get(session, screen.segment or 0)
                what = using.effects(session, segment, rules, runtime.clock.now())
        except (TooSlow, Refused):
            return ""
        return before_saving(
            Used(
                _subjects(what.automatic),
                _subjects(what.drafts),
                _subjects(what.fixed),
                [each.name for each in what.segments],
                what.entering,
                what.leaving,
            )
        )


def _subjects(distributions: Sequence[Distribution]) -> list[str]:
    """What distributions are called."""
    return [each.subject or "" for each in distributions]


def _screen(view: Mapping[str, Any]) -> Screen:
    """What a builder's modal is for."""
    metadata = json.loads(view["private_metadata"] or "{}")
    return Screen({key: value for key, value in metadata.items() if key != "last"}, view["callback_id"])
