"""101, the non-emergency police line: its request holds the concern and the identity of the person."""

from collections.abc import Sequence
from typing import Any

from schemas.reports import Report
from schemas.sealed import SealedDetails
from services.agency_profiles.profile import AgencyProfile
from services.agency_profiles.projection import about, envelope, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the request to the police force. It holds no places, no professionals and no conversations."""
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


PROFILE = AgencyProfile(
    project=project,
    reassurance="This does not mean you've done anything wrong.",
)
