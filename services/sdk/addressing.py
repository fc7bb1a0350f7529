"""Topic of a disclosure; for unreadable bytes, the topic for which they were most likely meant."""

import re
from typing import Any

from schemas.disclosure import Disclosure, is_urgent
from schemas.refused_bytes import json_fields, may_be_urgent
from schemas.topics import TopicName, disclosures
from schemas.vocabulary import Service

_SERVICE = re.compile(rb'"service"\s{0,64}:\s{0,64}"(forum|text_line)"')
#: Number of unreadable bytes that are searched for the name of the service.
_SEARCHED_BYTES = 1024 * 1024


def topic_of(disclosure: Disclosure) -> TopicName:
    """Return the topic of a disclosure."""
    return disclosures(disclosure.service, urgent=is_urgent(disclosure))


def intended_topic(
    raw: bytes, sender: Service | None, *, is_proven: bool = False, fields: dict[str, Any] | None = None
) -> TopicName:
    """Return the topic for which unreadable bytes were most likely meant.

    The service is `sender` if a credential proved it (`is_proven`), else the one named in the bytes, else `sender`,
    else the forum. The topic is the urgent one unless the concerns can be read and rule out an immediate risk, and each
    name is a field: else the bytes may hold an emergency. `fields` are those of the bytes, if they were read already.
    """
    fields = json_fields(raw) if fields is None else fields
    named = None if is_proven else _named_service(raw, fields)
    service = named or sender or Service.FORUM
    return disclosures(service, urgent=may_be_urgent(fields))


def _named_service(raw: bytes, fields: dict[str, Any]) -> Service | None:
    named = next((service for service in Service if fields.get("service") == service.value), None)
    if named is not None:
        return named
    found = _SERVICE.search(raw, 0, _SEARCHED_BYTES)
    return None if found is None else Service(found[1].decode("ascii"))
