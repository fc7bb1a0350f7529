"""The gateway's OpenAPI document: the contract's disclosure as the body, an example, and every response."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure

_REF = "#/components/schemas/{model}"


class Accepted(BaseModel):
    """The disclosure is in Kafka, on every in-sync replica."""

    disclosure_id: str
    status: str = "accepted"


class FieldProblem(BaseModel):
    """A field and what is wrong with it; never its value."""

    field: str
    reason: str


class ValidationErrors(BaseModel):
    """Why a disclosure cannot be understood; the original is kept for a person to look at."""

    errors: list[FieldProblem]


class NotNow(BaseModel):
    """Kafka does not acknowledge: the same disclosure may be sent again, under the same id."""

    status: str = "unavailable"


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

RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Accepted, "description": "Kafka has acknowledged the disclosure"},
    408: {"model": ValidationErrors, "description": "The body did not come in time"},
    413: {"model": ValidationErrors, "description": f"The body is larger than {MAX_DISCLOSURE_BYTES} bytes"},
    422: {
        "model": ValidationErrors,
        "description": "The disclosure cannot be understood; each field at fault is named",
    },
    503: {
        "model": NotNow,
        "description": "Kafka does not acknowledge; send the same again after `Retry-After` seconds",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
}

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
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this assignment
