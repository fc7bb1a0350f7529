"""The gateway's application: `POST /v1/disclosures`, `/healthz` and `/readyz`."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.gateway.document import REQUEST_BODY, RESPONSES, Health, NotNow, describe
from services.gateway.request_handler import Publisher, RequestHandler, not_now
from services.http_server import NO_TELEMETRY

#: Version of the interface, not of the program: it changes if senders must change.
API_VERSION = "1.0.0"

_log = structlog.get_logger("confide.gateway")


def create_app(producer: Publisher) -> FastAPI:
    """Return the gateway's application over a producer that the caller opens and closes."""
    app = FastAPI(
        title="Confide gateway",
        version=API_VERSION,
        description="Takes disclosures from the two services. 202 means: on every in-sync replica of Kafka.",
        # The browsable pages fetch their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    describe(app)
    handler = RequestHandler(producer)

    @app.post("/v1/disclosures", status_code=202, responses=RESPONSES, openapi_extra=REQUEST_BODY)
    async def disclose(request: Request) -> Response:
        """Take one disclosure."""
        return await handler.respond(request)

    @app.get("/healthz")
    async def alive() -> Health:
        """Say that this process answers."""
        return Health(status="ok")

    @app.get("/readyz", response_model=Health, responses={503: {"model": NotNow}})
    async def ready() -> Response:
        """Say whether disclosures can be taken: Kafka answers and has the topics."""
        return JSONResponse(Health(status="ready").model_dump()) if await handler.is_ready() else not_now()

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        # The class alone: an error's message may quote what a person wrote.
        _log.error("request failed", error=type(error).__name__)
        return JSONResponse({"status": "failed"}, status_code=500)

    return app
