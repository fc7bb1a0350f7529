"""The four agencies, simulated: real HTTP servers that store each report before they answer."""

from services.simulated_agencies.app import create_app
from services.simulated_agencies.faults import Fault, Faults
from services.simulated_agencies.log import AgencyLog

__all__ = ["AgencyLog", "Fault", "Faults", "create_app"]
