"""The one shape of the gateway's refusals: problem details (RFC 9457), with a list of the fields at fault."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from schemas.errors import Invalid

#: Value of `Retry-After` in a 503 or 429, in seconds.
RETRY_AFTER = 5
#: The most bytes of a refusal.
MAX_ANSWER_BYTES = 16_000
MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """A field and what is wrong with it; never its value."""

    field: str
    reason: str


class ProblemDetails(BaseModel):
    """Why a request was refused; the body of a disclosure that may be an emergency is kept for a person to look at."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    #: The fields of the disclosure that are at fault; empty if the request as a whole is.
    errors: list[FieldProblem] = []


def refuse(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the refusal of a request as a whole."""
    return _response(status, detail, [], headers)


def refuse_invalid(status: int, invalid: Invalid) -> JSONResponse:
    """Return the refusal of a disclosure, with each field at fault."""
    errors = [FieldProblem(field=problem.field, reason=problem.reason) for problem in invalid.problems]
    return _response(status, "the disclosure cannot be understood; `errors` names each field at fault", errors, None)


def not_now() -> JSONResponse:
    """Return the 503 for a Kafka that does not acknowledge."""
    detail = "Kafka does not acknowledge; send the same again"
    return refuse(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER)})


def _response(status: int, detail: str, errors: list[FieldProblem], headers: Mapping[str, str] | None) -> JSONResponse:
    details = ProblemDetails(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return JSONResponse(details.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)
