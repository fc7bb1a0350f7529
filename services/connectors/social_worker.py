"""What a social worker is given: the concern and its history here."""

from collections.abc import Sequence
from typing import Any

from schemas.records import Report, SealedDetails
from services.connectors.projection import about, envelope, professionals, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the referral: whom it is about, the concern, every disclosure it rests on, and who else is involved."""
    return {
        **envelope(report),
        "about": about(report, details),
        "concern": {"kinds": list(report.concerns)},
        "history": {"disclosures": len(report.disclosures), "words": words(details)},
        "professionals": professionals(details),
        # Referral forms ask whether the family was told.
        "person": {"told": report.person_told, "agrees": report.person_agrees},
    }
