"""The kinds of job there are: one line each."""

from distribution.automatic.outage import run_late
from distribution.clock import Clock
from distribution.codes.expiry import revive_codes
from distribution.codes.export import export_codes
from distribution.codes.generate import generate_codes
from distribution.codes.groups import delete_codes
from distribution.codes.importing import import_codes
from distribution.codes.redemption_import import import_redemptions
from distribution.customers.erasing import erase_traces
from distribution.customers.importing import import_customers
from distribution.events_import import import_events
from distribution.jobs import JobFunction, Jobs
from distribution.launch import run_launch
from distribution.segments.members import change_members
from distribution.sending.control import run_resume, run_stop
from distribution.unattended import review_and_go_on

KINDS: dict[str, JobFunction] = {
    "delete_codes": delete_codes,
    "erase_traces": erase_traces,
    "export_codes": export_codes,
    "generate_codes": generate_codes,
    "import_codes": import_codes,
    "late": run_late,
    "launch": run_launch,
    "resume": run_resume,
    "review": review_and_go_on,
    "revive_codes": revive_codes,
    "segment_members": change_members,
    "stop": run_stop,
    "import_customers": import_customers,
    "import_events": import_events,
    "import_redemptions": import_redemptions,
}


def jobs_for(clock: Clock, *, machine: Clock | None = None) -> Jobs:
    """The runner, with every kind of job. `machine`: the clock of leases, which only tests move."""
    return Jobs(clock, KINDS, machine=machine)
