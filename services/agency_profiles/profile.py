"""The form of an agency's profile."""

from dataclasses import dataclass

from services.agency_profiles.projection import Projection


@dataclass(frozen=True, slots=True)
class AgencyProfile:
    """What our services know of one agency."""

    #: Makes the body of a request from a report and its opened sections.
    project: Projection
    #: Added to a notice that a report goes or went to the agency; None: nothing is added.
    reassurance: str | None = None
