"""The care team, directly involved in the person's care: the request holds the clinical concern."""

from collections.abc import Sequence
from typing import Any

from schemas.reports import Report
from schemas.sealed import SealedDetails
from services.agency_profiles.profile import AgencyProfile
from services.agency_profiles.projection import about, envelope, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the referral: the person, and the concern in the words of the newest disclosure only."""
    return {
        **envelope(report),
        "about": about(report, details),
        "concern": {"kinds": list(report.concerns), "words": words(details[-1:])},
        "person": {"told": report.person_told, "agrees": report.person_agrees},
    }


PROFILE = AgencyProfile(
    project=project,
)
