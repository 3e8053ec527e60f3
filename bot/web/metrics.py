"""What Prometheus reads at `/metrics`: counts that are kept anyway, looked up when asked."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from distribution.jobs import LEASE
from distribution.runtime import Runtime
from storage import tickets
from storage.tables import Distribution, DistributionTally, Job, MessageState, PromoCodeGroup, PromoCodeStock

STATES = ("total", "active", "blocked", "issued", "revoked", "expired")


class Counts(Collector):
    """Distributions by status, messages by state, codes by group and state, jobs by state, who is there to run them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """The gauges, from rows whose number does not grow with the customers."""
        distributions = GaugeMetricFamily("promobot_distributions", "Distributions by status", labels=["status"])
        messages = GaugeMetricFamily("promobot_messages", "Messages by state", labels=["state"])
        codes = GaugeMetricFamily("promobot_promo_codes", "Promo codes by group and state", labels=["group", "state"])
        jobs = GaugeMetricFamily("promobot_jobs", "Jobs by state", labels=["state"])
        waiting = GaugeMetricFamily("promobot_jobs_waiting_seconds", "How long the oldest queued job has waited")
        workers = GaugeMetricFamily("promobot_job_processes", "Processes that run jobs and were heard of just now")
        with self._runtime.db.read() as session:
            for status, n in session.execute(select(Distribution.status, func.count()).group_by(Distribution.status)):
                distributions.add_metric([status], n)
            sums = select(DistributionTally.state, func.sum(DistributionTally.n)).group_by(DistributionTally.state)
            for state, n in session.execute(sums):
                messages.add_metric([MessageState(state).name.lower()], float(n))
            stock = select(PromoCodeGroup.name, PromoCodeStock).join(
                PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id
            )
            for name, counts in session.execute(stock.where(PromoCodeGroup.deleted_at.is_(None))):
                for where in STATES:
                    codes.add_metric([name, where], getattr(counts, where))
            for stage, n in session.execute(select(Job.state, func.count()).group_by(Job.state)):
                jobs.add_metric([stage], n)
            oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == "queued"))
            waiting.add_metric([], (self._runtime.clock.now() - oldest).total_seconds() if oldest else 0)
            if not self._runtime.db.is_sqlite:  # there it is one, which asks itself
                workers.add_metric([], tickets.workers(session, within=LEASE.total_seconds()))
        yield from (distributions, messages, codes, jobs, waiting, workers)


def registry(runtime: Runtime) -> CollectorRegistry:
    """A registry of its own: two runtimes in a process (tests) do not meet."""
    found = CollectorRegistry()
    found.register(Counts(runtime))
    return found
