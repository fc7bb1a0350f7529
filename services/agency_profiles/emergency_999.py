"""999: its request says what happens, where, how to reach the person, and the risks on the scene."""

from collections.abc import Sequence
from typing import Any

from schemas.reports import Report
from schemas.sealed import SealedDetails
from schemas.vocabulary import ConcernKind
from services.agency_profiles.profile import AgencyProfile
from services.agency_profiles.projection import envelope, identifiers, places, words


def project(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the request to the control room. It holds no professionals, no conversations and no other services."""
    return {
        **envelope(report),
        "service": None if report.service is None else report.service.value,
        "services": [service.value for service in report.services],
        "what_is_happening": {"concerns": list(report.concerns), "age": report.age, "words": words(details)},
        "where": places(details),
        "reach": identifiers(details),
        "scene_risks": {
            "risk_to_others": ConcernKind.HARM_TO_OTHERS in report.concerns,
            # Right Care Right Person: recorded for any report to the police.
            "real_and_immediate_risk": report.real_and_immediate_risk,
        },
    }


PROFILE = AgencyProfile(
    project=project,
)
