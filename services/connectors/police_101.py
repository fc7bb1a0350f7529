"""What 101 is given: the concern and who it is about."""

from collections.abc import Sequence
from typing import Any

from schemas.records import Report, SealedDetails
from services.connectors.projection import about, envelope, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the request to the police force; nothing of places, professionals or conversations."""
    return {
        **envelope(report),
        "concern": {
            "kinds": list(report.concerns),
            "words": words(details),
            # Right Care Right Person: recorded for any report to the police.
            "real_and_immediate_risk": report.real_and_immediate_risk,
        },
        "identity": about(report, details),
    }
