"""`/promo groups`: promo code groups, their codes and their stock.

Other surfaces open these with a button (`commands.ui.blocks.button(text, action_id, value)`); in a modal they come on
top of it, elsewhere they open one:

| action id | value | opens |
| --- | --- | --- |
| `groups.open` | group id | all about a group |
| `groups.add` | group id, or group id and how many ("3+98") | the form that adds codes, set to generate that many |
| `groups.edit` | group id | the form that edits a group |
| `groups.create` | nothing | the form for a new group |
| `groups.delete` | group id | the question before a group is deleted, or why it cannot be |
| `groups.export` | group id | sends its codes as a CSV to the person's direct messages |
| `groups.leftovers` | lot id | sends the lines that an addition did not take, likewise |

An action id may go on after a colon where one block holds several (`groups.add:3`).
"""

from slack_bolt import App

from commands.groups import forms, listeners, saving, show
from commands.groups.place import Place, Typed
from commands.ui.blocks import as_dicts
from commands.verbs import Ask, Verb
from distribution.runtime import Runtime
from distribution.search import containing
from storage import groups


def _run(ask: Ask) -> None:
    """`/promo groups`, `/promo groups summer`, `/promo groups new [name]`."""
    word, _, name = ask.words.partition(" ")
    with ask.runtime.db.read() as session:
        known = groups.names(session)
    # A group may well be called "New Year".
    if word.lower() in ("new", "create") and not containing(ask.words, known):
        ask.person.must("edit")
        ask.client.views_open(trigger_id=ask.trigger_id, view=forms.create_form(Place(), Typed(name=name)))
        return
    with ask.runtime.db.read() as session:
        text, blocks = show.message(ask.runtime, session, ask.person, ask.words)
    ask.tell(text=text, blocks=as_dicts(blocks))


VERB = Verb("groups", "[name]", "Promo code groups: stock, new codes, export", _run)


def register(app: App, runtime: Runtime) -> None:
    """Buttons and modals."""
    listeners.register(app, runtime)
    saving.register(app, runtime)
