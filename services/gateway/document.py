"""The gateway's OpenAPI document: the contract's disclosure as the body, an example, and every response."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure
from services.gateway.problems import MEDIA_TYPE, ProblemDetails

_REF = "#/components/schemas/{model}"


class Accepted(BaseModel):
    """The disclosure is in Kafka, on every in-sync replica."""

    disclosure_id: str
    status: str = "accepted"


class Health(BaseModel):
    """Whether this process answers, or is ready for disclosures."""

    status: str


#: An invented person with a phone number of Ofcom's reserved drama range.
EXAMPLE: dict[str, Any] = {
    "disclosure_id": "0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    "service": "forum",
    "channel": {"kind": "thread", "reference": "thread-8841#3"},
    "disclosed_at": "2026-02-03T21:04:11Z",
    "assessment": {
        "assessed_at": "2026-02-03T21:09:40Z",
        "assessor": "moderator",
        "confirmed_by": "safeguarding_lead",
    },
    "subject": {"account": "forum:39117", "phone": "+447700900123", "age": 16},
    "concerns": [
        {"kind": "suicide", "thoughts": True, "plan": True, "means": False, "intent": True, "timeframe": "immediate"}
    ],
    "contact": {"channels": ["direct_message"], "preferred": "direct_message", "safe_to_contact": True},
    "summary": "The assessor's own words.",
}

_RETRY = {"Retry-After": {"schema": {"type": "integer"}}}


def _refusal(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDetails")}}}
    return {"description": description, "content": content, **({} if headers is None else {"headers": headers})}


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Accepted, "description": "Kafka has acknowledged the disclosure"},
    401: _refusal(
        "No credential, or one that is not known here or has expired",
        {"WWW-Authenticate": {"schema": {"type": "string"}}},
    ),
    403: _refusal("At a door without credentials: a request of a web page, or from another machine"),
    408: _refusal("The body did not come in time. The part that came may be an emergency: a trained person is asked"),
    413: _refusal(f"The body is larger than {MAX_DISCLOSURE_BYTES} bytes"),
    421: _refusal("The request is for another host than this gateway"),
    422: _refusal("The disclosure cannot be understood, or names another service; each field at fault is named"),
    429: _refusal("More requests than the limit of this credential; send the same again", _RETRY),
    503: _refusal(
        "Kafka does not acknowledge, or the credential cannot be checked now; send the same again after `Retry-After` "
        "seconds",
        _RETRY,
    ),
}

#: The responses of `/readyz` besides 200.
NOT_READY: dict[int | str, dict[str, Any]] = {503: _refusal("Kafka does not answer, or lacks the topics", _RETRY)}

REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="Disclosure")},
                "examples": {"an immediate risk": {"value": EXAMPLE}},
            }
        },
    }
}


def describe(app: FastAPI) -> None:
    """Set the document of the application. The handler reads the body itself, so FastAPI does not know its model."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema = Disclosure.model_json_schema(ref_template=_REF)
            models = document.setdefault("components", {}).setdefault("schemas", {})
            models.update(schema.pop("$defs"))
            models["Disclosure"] = schema
            refusal = ProblemDetails.model_json_schema(ref_template=_REF)
            models.update(refusal.pop("$defs"))
            models["ProblemDetails"] = refusal
            document["components"]["securitySchemes"] = {"credential": {"type": "http", "scheme": "bearer"}}
            document["paths"]["/v1/disclosures"]["post"]["security"] = [{"credential": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this assignment
