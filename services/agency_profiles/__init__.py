"""What our services know of the agencies: one file an agency, and this table of them.

A new agency needs a file that defines its `PROFILE`, a row here, and a row in `schemas.agencies`, which has its names
and its topic. Its limits and waits are in `streams/domain/delivery.py`, because DECIDE counts them too.
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
