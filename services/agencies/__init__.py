"""The four agencies, simulated: real HTTP servers that store each report before they answer."""

from services.agencies.app import create_app
from services.agencies.faults import Fault, Faults
from services.agencies.log import AgencyLog

__all__ = ["AgencyLog", "Fault", "Faults", "create_app"]
