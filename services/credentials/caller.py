"""Who calls, as a credential proves it.

Exception
└── CredentialError          the request proves no service
    ├── MissingCredential    it has no credential
    ├── WrongCredential      its credential is malformed, unknown, revoked or expired
    └── CannotCheck          its credential cannot be checked now; it may be right
"""

from dataclasses import dataclass

from schemas.vocabulary import Service


class CredentialError(Exception):
    """The request proves no service; the message quotes nothing of the credential."""


class MissingCredential(CredentialError):
    """The request has no credential."""


class WrongCredential(CredentialError):
    """The credential is malformed, unknown, revoked or expired: which of them is not said to the caller."""


class CannotCheck(CredentialError):
    """The credential cannot be checked now, for example because the keys of its issuer cannot be read."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The service that a credential proves, the id of the credential (no secret), and whether it is for exercises."""

    service: Service
    credential: str
    #: Whether what it sends is an exercise: no agency may take it for a real report.
    exercise: bool = False
