"""The sealed parts of records, and the content that they hold."""

from typing import Annotated

from pydantic import Field

from schemas.disclosure import Location, Professional
from schemas.fields import Date, Identifier, Model


class SealedSection(Model):
    """The identifying fields, as AES-256-GCM ciphertext; `disclosure_id` and `key_id` are its associated data."""

    key_id: Identifier
    nonce: bytes
    ciphertext: bytes


class SealedDetails(Model):
    """The content of a sealed section: identifiers, places, names, the reference and the free text."""

    account: str | None = None
    phone: str | None = None
    email: str | None = None
    date_of_birth: Date | None = None
    location: Location = Location()
    professionals: tuple[Professional, ...] = ()
    reference: str | None = None
    summary: str | None = None


class SealedComment(Model):
    """The comment of staff on a review's outcome, and the person at the agency they spoke to: free text, sealed."""

    comment: Annotated[str, Field(max_length=4_000)] | None = None
    #: The person at the agency who took the report by phone.
    who: Annotated[str, Field(max_length=200)] | None = None
