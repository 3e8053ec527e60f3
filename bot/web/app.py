"""The HTTP service."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.web import callbacks, metrics, pages
from bot.web.api import app as api
from distribution.runtime import Runtime
from storage.schema import Standing


def build(runtime: Runtime) -> FastAPI:
    """The service over one runtime."""
    app = FastAPI(title="promobot", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pages.router(runtime))
    app.router.routes.extend(callbacks.routes(runtime))
    app.router.routes.extend(api.routes(runtime))
    registry = metrics.registry(runtime)

    @app.get("/healthz", include_in_schema=False)
    def alive() -> PlainTextResponse:
        """The process answers."""
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> JSONResponse:
        """The database answers, and has a schema that this version can work on."""
        try:
            with runtime.db.read() as session:
                session.execute(text("SELECT 1"))
            standing = runtime.db.standing()
        except SQLAlchemyError as error:
            return JSONResponse({"ready": False, "database": type(error).__name__}, 503)
        if standing is Standing.BEHIND:
            return JSONResponse({"ready": False, "database": "not migrated: promobot db upgrade"}, 503)
        if standing is Standing.TOO_NEW:
            return JSONResponse({"ready": False, "database": "upgraded for a newer version of promobot"}, 503)
        return JSONResponse({"ready": True})

    @app.get("/metrics", include_in_schema=False)
    def numbers() -> Response:
        """For Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
