"""The gateway's OpenAPI document: the contract's disclosure as the body, an example, and every response.

It is an answer too, and no answer has more than MAX_ANSWER_BYTES. So it is written short: without the titles that
pydantic makes of names, null as a second type, null as a default said once, and a schema that many fields have under a
name of its own.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

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

#: Part of the document's description.
ABSENT = "A field that is absent is null, unless the document states another default."

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


#: Schemas that several fields have, by the name that they get: the model and field from which each is taken.
_SHARED = {"Time": ("Assessment", "assessed_at"), "Danger": ("Suicide", "immediate_danger")}


class _Short(GenerateJsonSchema):
    """Writes the same schemas in fewer bytes."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's
        """Return False: a title would repeat the name of its field."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return a schema that also allows null."""
        given = super().nullable_schema(schema)
        inner, *others = given.get("anyOf", [{}])
        if len(others) > 1:
            return given
        if isinstance(inner.get("type"), str) and not inner.keys() & {"const", "enum"}:
            return {**inner, "type": [inner["type"], "null"]}
        return given


def _models(*models: type[BaseModel]) -> dict[str, Any]:
    """Return the schemas of these models, and of all that they name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template=_REF, schema_generator=_Short)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    for schema in found.values():
        # It repeats the name of the schema.
        del schema["title"]
        for part in schema.get("properties", {}).values():
            if isinstance(part.get("default"), dict):
                # Each field of the object has its own default.
                part["default"] = {}
            elif part.get("default", ...) is None:
                # `ABSENT` says it once.
                del part["default"]
    for name, (owner, field) in _SHARED.items():
        shared = found[owner]["properties"][field]
        for schema in found.values():
            parts = schema.get("properties", {})
            parts |= {each: {"$ref": _REF.format(model=name)} for each, part in parts.items() if part == shared}
        found[name] = shared
    discriminator = found["Disclosure"]["properties"]["concerns"]["items"]["discriminator"]
    discriminator["mapping"] = {kind: to.rpartition("/")[2] for kind, to in discriminator["mapping"].items()}
    return found


def describe(app: FastAPI) -> None:
    """Set the document of the application. The handler reads the body itself, so FastAPI does not know its model."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            document["components"]["schemas"] = _models(Disclosure, ProblemDetails, Accepted, Health)
            document["components"]["securitySchemes"] = {"credential": {"type": "http", "scheme": "bearer"}}
            document["paths"]["/v1/disclosures"]["post"]["security"] = [{"credential": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this assignment
