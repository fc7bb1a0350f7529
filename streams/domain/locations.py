"""Whether the latitude and longitude of a location can be true."""

from collections.abc import Mapping
from typing import Any

from streams.domain.placeholders import POINTS

_IMPOSSIBLE = "no place has this latitude or longitude"
_PLACEHOLDER = "software writes this latitude and longitude for an unknown place"


def fault_of(location: Mapping[str, Any]) -> str | None:
    """Return why the latitude and longitude cannot be true; None if they can, and without them."""
    latitude, longitude = location.get("latitude"), location.get("longitude")
    # Asked this way round, NaN is a fault too: Avro has it.
    if latitude is not None and not -90 <= latitude <= 90:
        return _IMPOSSIBLE
    if longitude is not None and not -180 <= longitude <= 180:
        return _IMPOSSIBLE
    return _PLACEHOLDER if (latitude, longitude) in POINTS else None


def known_location(location: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a location, without a latitude and longitude that cannot be true."""
    if fault_of(location) is None:
        return dict(location)
    return {**location, "latitude": None, "longitude": None}
