"""The credentials of the two services at the gateway, and what one proves: which service calls.

Nothing is believed because a record says so: the service of a disclosure follows from the credential.
See decision 0029.
"""

from services.credentials.api_keys import ApiKey, ApiKeys
from services.credentials.caller import Caller, CredentialError, MissingCredential, WrongCredential

__all__ = ["ApiKey", "ApiKeys", "Caller", "CredentialError", "MissingCredential", "WrongCredential"]
