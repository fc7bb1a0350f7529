"""The social worker: the request holds the concern and its history in this system."""

from collections.abc import Sequence
from typing import Any

from schemas.reports import Report
from schemas.sealed import SealedDetails
from services.agency_profiles.profile import AgencyProfile
from services.agency_profiles.projection import about, envelope, professionals, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the referral: person, concern, the words of every disclosure, and the other professionals involved."""
    return {
        **envelope(report),
        "about": about(report, details),
        "concern": {"kinds": list(report.concerns)},
        "history": {"disclosures": len(report.disclosures), "words": words(details)},
        "professionals": professionals(details),
        # Referral forms ask if the family was told.
        "person": {"told": report.person_told, "agrees": report.person_agrees},
    }


PROFILE = AgencyProfile(
    project=project,
)
