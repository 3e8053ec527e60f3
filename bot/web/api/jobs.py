"""Long work that a request began: how far it is, and what came of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from bot.web.api.call import Call, allowed, answer
from bot.web.api.describing import PREFIX, problems
from bot.web.api.problems import Problem
from storage.tables import Job

routes = APIRouter(tags=["Jobs"])

# The largest id that both databases can look for.
ID_MAX = 2**63 - 1


class JobLink(BaseModel):
    """Where a job can be looked at."""

    id: int
    url: str


class JobState(BaseModel):
    """A job and how far it is."""

    id: int
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    result: dict[str, Any] | None = Field(description="What came of it, once it is done.")
    error: str | None = Field(description="Why it failed, in words.")
    created_at: datetime
    finished_at: datetime | None


def link(job_id: int | None) -> JobLink | None:
    """Where a job can be looked at; None for none."""
    return None if job_id is None else JobLink(id=job_id, url=f"{PREFIX}/jobs/{job_id}")


@routes.get(
    "/jobs/{id:int}",
    response_model=JobState,
    summary="Look at a job",
    response_description="The job and how far it is.",
    responses=problems(404),
)
def look(
    call: Annotated[Call, allowed()],
    id: Annotated[int, Path(le=ID_MAX, description="The job's id; `job.url` has it.", examples=[7])],
) -> Response:
    """A job that a request with this token began. Ask again until its state is done, failed or cancelled."""
    with call.reading() as session:
        job = session.get(Job, id)
    if job is None or job.created_by != call.by:
        raise Problem(404, f"No request with the token '{call.token.name}' began a job {id}.")
    state: Any = job.state
    return answer(
        JobState(
            id=job.id,
            kind=job.kind,
            state=state,
            done=job.done,
            total=job.total,
            result=job.result if job.state == "done" else None,
            error=job.error,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )
    )
