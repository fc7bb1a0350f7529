"""Where a disclosure goes: its topic and its message key; for unreadable bytes the topic that they were meant for."""

import json
import re
from types import SimpleNamespace
from typing import cast

from pydantic import TypeAdapter, ValidationError

from schemas.concerns import Concerns
from schemas.disclosure import Disclosure, ReadableDisclosure, is_urgent
from schemas.topics import TopicName, disclosures
from schemas.vocabulary import Service

_CONCERNS: TypeAdapter[Concerns] = TypeAdapter(Concerns)
_SERVICE = re.compile(rb'"service"\s{0,64}:\s{0,64}"(forum|text_line)"')
#: How far into unreadable bytes the service is looked for.
_SEARCHED_BYTES = 1024 * 1024


def topic_of(disclosure: Disclosure) -> TopicName:
    """Return the topic that the disclosure belongs on."""
    return disclosures(disclosure.service, urgent=is_urgent(disclosure))


def intended_topic(raw: bytes, told: Service | None) -> TopicName:
    """Return the topic that unreadable bytes were most likely meant for.

    The service they name themselves comes first, then the one that the sender is known to be, then the forum. They are
    urgent unless their concerns can be read and rule it out: nobody knows what else they say.
    """
    fields = _fields(raw)
    service = _named_service(raw, fields) or told or Service.FORUM
    return disclosures(service, urgent=_may_be_urgent(fields))


def _fields(raw: bytes) -> dict[str, object]:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _named_service(raw: bytes, fields: dict[str, object]) -> Service | None:
    named = next((service for service in Service if fields.get("service") == service.value), None)
    if named is not None:
        return named
    found = _SERVICE.search(raw, 0, _SEARCHED_BYTES)
    return None if found is None else Service(found[1].decode("ascii"))


def _may_be_urgent(fields: dict[str, object]) -> bool:
    try:
        concerns = _CONCERNS.validate_python(fields.get("concerns"))
    except ValidationError:
        return True
    # Urgency rests on the concerns alone; the rest of the record is what could not be read.
    return is_urgent(cast("ReadableDisclosure", SimpleNamespace(concerns=concerns)))
