"""Who was erased and comes back, by a file, by hand, by a text: an opt-out holds."""

import pytest
from sqlalchemy import select

from distribution.codes.intake import hand_over
from distribution.customers import consent, importing, profile
from distribution.customers.profile import Details
from distribution.errors import Refused
from distribution.providers.port import InboundNews
from distribution.runtime import Runtime
from distribution.sending.replies import take
from storage.customers import exclusion, history
from storage.tables import (
    Customer,
    Job,
    Suppression,
)
from tests.conftest import run_jobs
from tests.unit.customers.zofia import PHONE, add_zofia, erase


def _statement(runtime: Runtime) -> Job:
    """Import her number again, with everybody's consent."""
    with runtime.db.write() as session:
        upload_id, _ = hand_over(session, f"phone\n{PHONE}\n".encode(), "new.csv", by="U", now=runtime.clock.now())
        job_id = importing.import_file(
            runtime.jobs,
            session,
            upload_id,
            [{"role": "phone"}],
            region="PL",
            everyone_agreed=True,
            by="U",
            by_name="M",
        )
    run_jobs(runtime)
    with runtime.db.read() as session:
        return session.get_one(Job, job_id)


def _by_number(runtime: Runtime) -> Customer:
    with runtime.db.read() as session:
        return session.scalars(select(Customer).where(Customer.phone == PHONE)).one()


def test_who_opted_out_before_they_were_erased_is_not_texted_because_a_file_brings_them_back(runtime: Runtime) -> None:
    customer_id = add_zofia(runtime)
    with runtime.db.write() as session:
        consent.change(session, customer_id, "opted_out", "STOP reply", runtime.clock.now())
    erase(runtime, customer_id)
    run_jobs(runtime)
    job = _statement(runtime)
    assert (job.result["created"], job.result["kept_opt_out"]) == (1, 1)
    back = _by_number(runtime)
    assert (back.id != customer_id, back.consent) == (True, "opted_out")
    with runtime.db.read() as session:
        assert [change.source for change in history(session, back.id)] == [consent.OPTED_OUT_BEFORE]
        assert session.scalar(select(exclusion()).where(Customer.id == back.id)) == "opted_out"
        assert session.scalars(select(Suppression)).all() == []  # their own row says it now


def test_who_agreed_when_they_were_erased_may_agree_again(runtime: Runtime) -> None:
    erase(runtime, add_zofia(runtime))
    run_jobs(runtime)
    _statement(runtime)
    assert _by_number(runtime).consent == "given"


def test_a_person_is_told_when_they_add_somebody_who_opted_out_and_was_erased(runtime: Runtime) -> None:
    erase(runtime, add_zofia(runtime, "opted_out"))
    now = runtime.clock.now()

    def add(agreed: bool) -> None:
        with runtime.db.write() as session:
            details = Details(name="Zofia", phone=PHONE)
            profile.add(session, details, agreed=agreed, by="U", by_name="Maya", statement="said so", now=now)

    with pytest.raises(Refused, match="opted out, and was erased since") as refused:
        add(True)
    assert refused.value.field == "agreed"
    add(False)
    assert _by_number(runtime).consent == "opted_out"


@pytest.mark.parametrize(("texts", "becomes"), [(["STOP"], "opted_out"), (["STOP", "START"], "given")])
def test_a_stop_after_the_erasure_holds_for_whoever_comes_back(
    runtime: Runtime, texts: list[str], becomes: str
) -> None:
    erase(runtime, add_zofia(runtime))
    for number, body in enumerate(texts):
        with runtime.db.write() as session:
            take(session, 1, InboundNews(provider_ref=f"SM{number}", phone=PHONE, body=body), runtime.clock.now())
    _statement(runtime)
    assert _by_number(runtime).consent == becomes
