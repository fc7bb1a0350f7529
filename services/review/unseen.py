"""Says whether what a review is about can be shown: nobody judges it otherwise."""

from collections.abc import Sequence
from typing import Protocol

from schemas.records import ReviewRequested, UrgentRejected
from schemas.sealed import SealedDetails
from schemas.topics import SERVICE_OF
from schemas.vocabulary import Refusal
from services.rejected_content import NOT_SHOWN, can_be_shown, has_sealed_part
from services.review.errors import KeyMissing
from services.review.reading import RejectedValue
from streams.domain.sealing import CannotOpen

#: The refusals that judge what was disclosed. The others rest on something else, for example on a conversation.
JUDGING = frozenset((Refusal.NO_CLAUSE_HOLDS, Refusal.OUT_OF_SCOPE))


class Source(Protocol):
    """The part of `services.review.reading.Topics` that this needs."""

    def rejected(self, records: Sequence[UrgentRejected]) -> list[RejectedValue | None]:
        """Return the value of each rejected record, None for one that its topic no longer has."""

    def rejected_details(self, value: bytes, master_key: bytes) -> SealedDetails | None:
        """Return the opened section of a rejected `Admitted`; None if there is none, or if it cannot be opened."""

    def details(self, request: ReviewRequested, master_key: bytes) -> SealedDetails | None:
        """Return the opened section of a review; None if it was erased."""


def unseen(topics: Source, request: ReviewRequested, master_key: bytes, records: int | None = None) -> str | None:
    """Return why the content of a review cannot be shown; None if it can, or if it was erased.

    Of rejected records the first `records` count, None: all.
    """
    if request.rejected_records:
        shown = request.rejected_records[:records]
        found = zip(shown, topics.rejected(shown), strict=True)
        return next((why for about, value in found if (why := _of_rejected(topics, about, value, master_key))), None)
    if request.section is None:
        return None if request.undelivered is None else "the report itself cannot be read"
    try:
        topics.details(request, master_key)
    except (CannotOpen, KeyMissing) as error:
        return f"what was sealed cannot be read: {error}"
    return None


def _of_rejected(topics: Source, about: UrgentRejected, found: RejectedValue | None, master_key: bytes) -> str | None:
    if found is None:
        return "the record is no longer kept"
    if found.cut is not None:
        return str(found.cut)
    # What the services wrote is shown as it came. Later records have their words sealed.
    if about.topic in SERVICE_OF and not has_sealed_part(found.kept):
        return None if can_be_shown(found.kept) else NOT_SHOWN
    opened = topics.rejected_details(found.kept, master_key)
    return "what was sealed in the record cannot be read" if opened is None else None
