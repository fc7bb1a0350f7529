"""The published document is an answer as every other: below the limit of bytes. What it leaves out is said once."""

import json
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from schemas.disclosure import Disclosure
from services.gateway import create_app
from services.gateway.document import ABSENT
from services.gateway.door import OpenDoor
from services.gateway.problems import MAX_ANSWER_BYTES
from services.http_server import listen, port_of, running
from tests.fakes.publisher import Publisher


def published() -> dict[str, Any]:
    return create_app(Publisher(), OpenDoor()).openapi()


@pytest.mark.parametrize("path", ["/openapi.json", "/healthz", "/readyz", "/docs", "/redoc", "/"])
async def test_no_answer_is_over_the_limit(path: str) -> None:
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(Publisher(), OpenDoor()), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client,
        ):
            # What one accepts in other codings must not be what makes an answer short.
            answer = await client.get(path, headers={"accept-encoding": "identity"})
    assert len(answer.content) < MAX_ANSWER_BYTES


def reachable(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {**schema.pop("$defs"), model.__name__: schema}


def default_of(part: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return the default of a field, as a reader of the document finds it."""
    named = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
    return part.get("default", named.get("default"))


@pytest.mark.parametrize("name", reachable(Disclosure))
def test_every_default_that_is_not_null_is_stated(name: str) -> None:
    document = published()
    schemas = document["components"]["schemas"]
    own = reachable(Disclosure)[name]
    assert ABSENT in document["info"]["description"]
    assert schemas[name].get("required") == own.get("required")
    for field, part in own.get("properties", {}).items():
        stated = default_of(schemas[name]["properties"][field], schemas)
        expected = part.get("default")
        # An object whose fields all have their defaults.
        assert stated == ({} if isinstance(expected, dict) else expected), field


def test_every_reference_leads_to_a_schema() -> None:
    document = published()
    text = json.dumps(document)
    names = {each.partition('"')[0] for each in text.split("#/components/schemas/")[1:]}
    mapping = document["components"]["schemas"]["Disclosure"]["properties"]["concerns"]["items"]["discriminator"]
    assert {*names, *mapping["mapping"].values()} <= document["components"]["schemas"].keys()
    assert {"Time", "Danger"} <= names
