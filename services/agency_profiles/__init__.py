"""What our services know of the agencies: one file an agency, and this table of them.

`schemas.agencies` has their names and topics, `streams/domain/delivery.py` their limits. *Add an agency* in
`.github/CONTRIBUTING.md` has all steps for a new one.
"""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.vocabulary import Agency
from services.agency_profiles import care_team, emergency_999, police_101, social_worker
from services.agency_profiles.profile import AgencyProfile

AGENCY_PROFILES: Mapping[Agency, AgencyProfile] = MappingProxyType(
    {
        Agency.EMERGENCY_999: emergency_999.PROFILE,
        Agency.POLICE_101: police_101.PROFILE,
        Agency.SOCIAL_WORKER: social_worker.PROFILE,
        Agency.CARE_TEAM: care_team.PROFILE,
    }
)

__all__ = ["AGENCY_PROFILES", "AgencyProfile"]
