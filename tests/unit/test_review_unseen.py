"""What cannot be shown to staff cannot be refused by them."""

from typing import Any

import pytest

from schemas.records import ReviewRequested, UrgentRejected
from schemas.rejection import Cut
from schemas.sealed import SealedDetails
from services.review.errors import KeyMissing
from services.review.reading import RejectedValue
from services.review.unseen import unseen
from streams.domain.sealing import CannotOpen
from tests.decide_reviews import rejected_review, unconfirmed
from tests.turns import Lane, admitted

MASTER = bytes(32)


class Topics:
    """What staff's console finds on the topics."""

    def __init__(
        self,
        kept: RejectedValue | None = None,
        details: SealedDetails | Exception | None = None,
    ) -> None:
        self._kept = kept
        self._details = details

    def rejected(self, _: UrgentRejected) -> RejectedValue | None:
        return self._kept

    def rejected_details(self, _: bytes, __: bytes) -> SealedDetails | None:
        return self._details if isinstance(self._details, SealedDetails) else None

    def details(self, _: ReviewRequested, __: bytes) -> SealedDetails | None:
        if isinstance(self._details, Exception):
            raise self._details
        return self._details


def asked(fields: dict[str, Any]) -> ReviewRequested:
    return ReviewRequested.model_validate(fields)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (SealedDetails(summary="words"), None),
        # Erased: nobody will ever read it.
        (None, None),
        (KeyMissing("the key is not there"), "what was sealed cannot be read: the key is not there"),
        (CannotOpen("another key"), "what was sealed cannot be read: another key"),
    ],
    ids=["opened", "erased", "key missing", "other key"],
)
def test_a_disclosure_is_seen_if_its_section_opens(
    lane: Lane, found: SealedDetails | Exception | None, why: str | None
) -> None:
    assert unseen(Topics(details=found), asked(unconfirmed(lane)), MASTER) == why


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (RejectedValue(b"not a record", None), None),
        (None, "the record is no longer kept"),
        (RejectedValue(b"the first", Cut(9, 5_242_880)), "cut: first 9 of 5,242,880 bytes"),
        (RejectedValue(admitted(), None), "what was sealed in the record cannot be read"),
    ],
    ids=["as it came", "gone", "cut", "sealed"],
)
def test_a_rejected_record_is_seen_if_it_is_whole_and_opens(
    lane: Lane, kept: RejectedValue | None, why: str | None
) -> None:
    assert unseen(Topics(kept), asked(rejected_review(lane)), MASTER) == why


def test_a_rejected_record_whose_section_opens_is_seen(lane: Lane) -> None:
    topics = Topics(RejectedValue(admitted(), None), SealedDetails(summary="words"))
    assert unseen(topics, asked(rejected_review(lane)), MASTER) is None
