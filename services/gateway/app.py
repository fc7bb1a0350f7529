"""The gateway's application: `POST /v1/disclosures`, `/healthz` and `/readyz`."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.gateway.document import ABSENT, NOT_READY, REQUEST_BODY, RESPONSES, Health, describe
from services.gateway.door import Door
from services.gateway.large_bodies import LargeBodies
from services.gateway.problems import not_now, refuse
from services.gateway.rate import RateLimit
from services.gateway.request_handler import Publisher, RequestHandler
from services.http_server import NO_TELEMETRY

#: Version of the interface, not of the program: it changes if senders must change.
API_VERSION = "2.0.0"

_log = structlog.get_logger("confide.gateway")


def create_app(
    producer: Publisher, door: Door, rate: RateLimit | None = None, large_bodies: LargeBodies | None = None
) -> FastAPI:
    """Return the gateway's application over a producer that the caller opens and closes."""
    app = FastAPI(
        title="Confide gateway",
        version=API_VERSION,
        description=f"Takes disclosures from the two services. 202 means: on every in-sync replica of Kafka. {ABSENT}",
        # The browsable pages fetch their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # A redirect would name a host that the request gave, and a sender would follow it with its key.
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    describe(app)
    handler = RequestHandler(producer, door, rate or RateLimit(), large_bodies or LargeBodies())

    @app.post("/v1/disclosures", status_code=202, responses=RESPONSES, openapi_extra=REQUEST_BODY)
    async def disclose(request: Request) -> Response:
        """Take one disclosure."""
        return await handler.respond(request)

    @app.get("/healthz")
    async def alive() -> Health:
        """Say that this process answers."""
        return Health(status="ok")

    @app.get("/readyz", response_model=Health, responses=NOT_READY)
    async def ready() -> Response:
        """Say whether disclosures can be taken: Kafka answers and has the topics."""
        return JSONResponse(Health(status="ready").model_dump()) if await handler.is_ready() else not_now()

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        # The class alone: an error's message may quote what a person wrote.
        _log.error("request failed", error=type(error).__name__)
        return refuse(500, "the gateway failed; send the same again")

    @app.exception_handler(HTTPException)
    async def not_here(_: Request, error: HTTPException) -> Response:
        return refuse(error.status_code, "no such path or method", error.headers)

    return app
