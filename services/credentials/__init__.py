"""The credentials of the two services at the gateway, and what one proves: which service calls.

Nothing is believed because a record says so: the service of a disclosure follows from the credential.
See decision 0029.
"""

from services.credentials.api_keys import ApiKey, ApiKeys
from services.credentials.caller import Caller, CannotCheck, CredentialError, MissingCredential, WrongCredential
from services.credentials.tokens import Tokens, is_token

__all__ = [
    "ApiKey",
    "ApiKeys",
    "Caller",
    "CannotCheck",
    "CredentialError",
    "MissingCredential",
    "Tokens",
    "WrongCredential",
    "is_token",
]
