"""One call of an endpoint: who calls, what they sent, and its transaction, done once however often it is sent."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.entry import VISIT, Visit
from bot.web.api.problems import CONFLICTS, Problem, of_refusal, of_validation
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import idempotency
from storage.tables import ApiToken

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_KEY = re.compile(r"[!-~]{1,255}")

M = TypeVar("M", bound=BaseModel)


class Asked(BaseModel):
    """A request's body: nothing is guessed at, and no field that nobody reads is let through."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers, before it is sent.

    A problem as `body` tells of something that was done, and kept, and came to nothing: its key may be used again.
    """

    body: BaseModel | Problem
    status: int = 200


@dataclass(frozen=True)
class Call:
    """A call whose token may do what the endpoint does."""

    visit: Visit
    content_type: str
    key: str | None  # of the Idempotency-Key header
    request: str  # what that key is for: a hash of method, path and body

    @property
    def runtime(self) -> Runtime:
        """What the engine needs."""
        return self.visit.runtime

    @property
    def token(self) -> ApiToken:
        """Whose call it is."""
        return self.visit.token

    @property
    def body(self) -> bytes:
        """What was sent."""
        return self.visit.body

    @property
    def by(self) -> str:
        """Who calls, as rows name who did something: "api:checkout"."""
        return f"api:{self.token.name}"

    @property
    def now(self) -> datetime:
        """The moment, by the runtime's clock."""
        return self.runtime.clock.now()

    def json(self, model: type[M], *, empty: bool = False) -> M:
        """The body; with `empty`, none is {}.

        Raises `Problem`: 415 (not sent as JSON), 400 (not JSON), 422 (not what is asked for), 413 (too long a list).
        """
        if empty and not self.body:
            return model()
        if self.content_type not in ("", "application/json") and not self.content_type.endswith("+json"):
            raise Problem(
                415,
                f"Send the body as application/json, not {self.content_type}: Content-Type: application/json.",
                field="Content-Type",
            )
        try:
            asked = model.model_validate_json(self.body)
        except ValidationError as error:
            raise of_validation(error, model) from None
        if rb"\u0000" in self.body:
            _refuse_nul(json.loads(self.body), "")
        return asked

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to look with."""
        with self.runtime.db.read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end of the block."""
        with self.visit.writing, self.runtime.db.write() as session:
            yield session

    def write(
        self,
        work: Callable[[Session], Answer],
        names: Mapping[str, str] | None = None,
        statuses: Mapping[str, int] = CONFLICTS,
    ) -> Response:
        """Do `work` in a transaction and answer what it returns.

        Under an Idempotency-Key the answer is kept in that same transaction: sent again, even at the same time or after
        a crash, the request gets the same answer and does nothing. What is refused did nothing and is not kept.
        `names`: how the request names fields that the engine calls otherwise; `statuses`: what a refusal is answered
        with, by its reason, else 422. Raises `Problem`.
        """
        try:
            with self.writing() as session:
                if self.key is None:
                    return _response(work(session))
                before = idempotency.claim(session, self.token.id, self.key, self.request, now=self.now)
                if before is not None:
                    if before.request != self.request:
                        raise Problem(
                            422,
                            f"This key was used for another request, at {before.created_at:%Y-%m-%d %H:%M:%S} UTC. "
                            "Use a new key for each thing that is to be done.",
                            field=KEY_HEADER,
                            reason="key_reused",
                        )
                    return Response(
                        before.answer, before.status, {REPLAYED_HEADER: "true"}, media_type="application/json"
                    )
                response = _response(work(session))
                if response.status_code >= 400:
                    idempotency.release(session, self.token.id, self.key)
                    return response
                idempotency.keep(
                    session,
                    self.token.id,
                    self.key,
                    status=response.status_code,
                    answer=bytes(response.body).decode(),
                )
                return response
        except Refused as refusal:
            raise of_refusal(refusal, names, statuses) from None


def _response(answer: Answer) -> Response:
    if isinstance(answer.body, Problem):
        return answer.body.response()
    return Response(answer.body.model_dump_json(), answer.status, media_type="application/json")


def answer(body: BaseModel) -> Response:
    """What a read answers."""
    return _response(Answer(body))


_bearer = HTTPBearer(
    scheme_name="token", auto_error=False, description="`promobot token create NAME` prints one, once."
)


async def _call(request: Request, needed: SecurityScopes, _: Annotated[Any, Depends(_bearer)]) -> Call:
    """The call that came through the door. Raises `Problem` 403 where its token may not do this."""
    visit: Visit = request.scope[VISIT]
    lacking = [scope for scope in needed.scopes if scope not in visit.token.scopes]
    if lacking:
        raise Problem(
            403,
            f"The token '{visit.token.name}' lacks the scope {', '.join(lacking)}. "
            f"Make one that has it: promobot token create NAME --scope {' --scope '.join(lacking)}",
            headers={"WWW-Authenticate": f'Bearer realm="promobot", error="insufficient_scope", scope="{lacking[0]}"'},
        )
    key = request.headers.get(KEY_HEADER) if request.method == "POST" else None
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(422, "A key is 1 to 255 visible ASCII characters, such as a UUID.", field=KEY_HEADER)
    for name, value in request.query_params.multi_items():
        _refuse_nul(value, name)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    told = hashlib.sha256(f"{request.method} {request.scope['path']} {content_type}\n".encode())
    told.update(visit.body)
    return Call(visit, content_type, key, told.hexdigest())


def allowed(*scopes: str) -> Any:
    """For the annotation of an endpoint's parameter: the call, if its token has these scopes."""
    return Security(_call, scopes=list(scopes))


def _refuse_nul(value: Any, place: str) -> None:
    """Raise `Problem` at the first text with a NUL character in it, which PostgreSQL cannot store."""
    if isinstance(value, str) and "\x00" in value:
        raise Problem(422, "This text holds a NUL character, which cannot be stored.", field=place or "body")
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(name, place)
            _refuse_nul(inner, f"{place}.{name}" if place else name)
    if isinstance(value, list):
        for at, inner in enumerate(value):
            _refuse_nul(inner, f"{place}[{at}]")
