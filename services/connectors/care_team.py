"""What somebody directly involved in the person's care is given: the clinical concern."""

from collections.abc import Sequence
from typing import Any

from schemas.records import Report, SealedDetails
from services.connectors.projection import about, envelope, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the referral: whom it is about and the concern, in the words of the newest disclosure alone."""
    return {
        **envelope(report),
        "about": about(report, details),
        "concern": {"kinds": list(report.concerns), "words": words(details[-1:])},
        "person": {"told": report.person_told, "agrees": report.person_agrees},
    }
