"""docs/automatic.md, followed to the letter: its table in the wizard, its commands in a shell, the clock moved."""

import json
import re
import subprocess
import sys
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from bot import hook, sample
from bot.sample.size import Size
from distribution import settings
from distribution.report import Report, report
from sandbox.testing import Person
from storage.tables import Distribution
from tests.scenarios.conftest import World
from tests.world import ROOT

PAGE = (ROOT / "docs" / "automatic.md").read_text(encoding="utf-8")
FIELDS = [
    (int(step), field, value)
    for step, field, value in re.findall(r"^\| (\d) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
]
BLOCKS = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", PAGE, flags=re.DOTALL)
JULIA, ZOFIA = "+48732100218", "+48732108137"
WARSAW = ZoneInfo("Europe/Warsaw")


class Terminal:
    """The shell of somebody who follows the page, with the port and the database of this world."""

    def __init__(self, world: World, db_url: str) -> None:
        self._blocks = iter(BLOCKS)
        self._env = {"PATH": "/usr/bin:/bin", "DATABASE_URL": db_url, "SECRET_KEY": "a secret key for tests"}
        setup, _ = next(self._blocks)
        assert (
            "URL=http://localhost:8081\n" in setup and "export DATABASE_URL=sqlite:///var/demo/promobot.db\n" in setup
        )
        setup = setup.replace("http://localhost:8081", world.web)
        setup = setup.replace("export DATABASE_URL=sqlite:///var/demo/promobot.db", "")
        setup = setup.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        self._setup = ""
        self._setup = f"URL={world.web}\nTOKEN={self._run(setup + 'echo $TOKEN')}\n"

    def follow(self) -> str:
        """Run the next block; what it says, which is what the page says where it says so."""
        script, answer = next(self._blocks)
        said = self._run(re.sub(r"curl (-s )?", "curl -sS --fail-with-body ", script))
        assert not answer or json.loads(said) == json.loads(answer)
        return said

    def over(self) -> bool:
        """Whether every block was followed."""
        return next(self._blocks, None) is None

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._setup + script],
            capture_output=True, text=True, timeout=60, env=self._env, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


def walk(maya: Person) -> None:
    """The wizard, as the page's table has it, up to the request for approval."""
    maya.command("/promo send")
    at = 1
    for step, field, value in FIELDS:
        if step > at:
            maya.view(f"Step {at} of 5").submit()
            at = step
        view = maya.view(f"Step {step} of 5")
        if field == "Only with certain properties…":
            _condition(maya, field, *value.split(" · "))
        elif field == "Add a reminder…":
            view.click("Add another reminder…" if "Reminder 1" in view.text else field)
            maya.view("How long after the first text").fill("How long after the first text", value).submit()
            maya.wait_for(lambda v=value: f"{v} after the first text" in maya.screen() or None, "the reminder")
        elif field in ("What to send", "How often for one customer"):
            view.choose(value)
        else:
            view.fill(field, value)
            if field in DRAWN_ANEW:
                maya.view(DRAWN_ANEW[field])
    maya.view("Step 5 of 5").submit()


# Choices after which the step is drawn anew, and what shows that it was.
DRAWN_ANEW = {
    "Promo code group": "are set aside when",
    "Event": "Only with certain",
    "Then wait": "Unless",
    "Unless meanwhile they do": "Only one with certain",
}


def _condition(maya: Person, button: str, name: str, op: str, value: str) -> None:
    """One condition on a property of the event."""
    maya.view(button).click(button)
    step = maya.view(f"{name} is")
    row = next(block["block_id"] for block in step.blocks if ":where-" in block.get("block_id", ""))
    step.fill(f"{row}/send.op:number", op)
    maya.view(f"{name} {op}").fill(f"{name} {op}", value)


def live(world: World) -> Distribution | None:
    """The page's distribution, once it is live."""
    with world.runtime.db.read() as session:
        return session.query(Distribution).filter_by(subject="Carts left behind", status="sending").one_or_none()


def counted(world: World) -> Report:
    """What came of it so far."""
    found = live(world)
    assert found is not None
    with world.runtime.db.read() as session:
        return report(session, found.id, chart=False)


def test_the_page_from_the_wizard_to_the_reminder_that_does_not_come(world: World, db_url: str) -> None:
    sample.load(world.runtime, Size(customers=60, codes=100, events=600))  # the first of the demo's own
    maya, lee, phone, clock = world.maya, world.lee, world.phone, world.clock
    walk(maya)
    review = maya.view("Sample 1 of")
    assert "in the last 30 days" in review.text or "It would have sent" in review.text
    review.submit()
    lee.message("#promo-approvals", "Approval requested · Carts left behind").click("Approve")
    world.wait_for(lambda: live(world), "it to be live")
    shell = Terminal(world, db_url)

    shell.follow()  # the cart
    world.wait_for(lambda: counted(world).planned.waiting == {0: 1}, "the text to be planned")
    assert phone.texts(JULIA) == []
    clock.to_next_due()
    (first,) = phone.wait_for_texts(JULIA)
    said = re.fullmatch(r"Hi Julia, your cart of 259 PLN is waiting: 10% off with (SUMMER-\w{14})", first.body)
    assert said is not None, first.body
    world.wait_for(lambda: counted(world).numbers.sent == 1, "the text to be known as sent: reminders count from then")

    clock.advance(days=1)
    _, reminder = phone.wait_for_texts(JULIA, 2)
    assert said[1] in reminder.body
    world.wait_for(lambda: counted(world).numbers.sent == 2, "the reminder to be known as sent")

    assert json.loads(shell.follow())["code"] == said[1]
    for _day in range(3):
        clock.advance(days=1)
    maya.message("#marketing", "Reminders not sent: 1 used their code already", timeout=20)
    assert len(phone.texts(JULIA)) == 2

    shell.follow()  # paid meanwhile
    clock.advance(hours=3)
    world.wait_for(lambda: counted(world).planned.dropped.get(0) == {"called_off": 1}, "the text to be called off")
    assert phone.texts(ZOFIA) == []

    with world.runtime.db.write() as session:
        settings.put(session, "quiet_hours", "21:00-09:00")
    shell.follow()
    while len(phone.texts(JULIA)) < 3:  # the end of the delay, and of the night where it falls into one
        world.wait_for(lambda: hook.next_due(world.bot) or len(phone.texts(JULIA)) > 2, "what is due next")
        if len(phone.texts(JULIA)) < 3:
            clock.to_next_due()
    phone.wait_for_texts(JULIA, 3)
    at = datetime.fromisoformat(phone.texts(JULIA)[2].at).astimezone(WARSAW)
    assert time(9) <= at.time() < time(21)
    assert shell.over()
    assert live(world) is not None
