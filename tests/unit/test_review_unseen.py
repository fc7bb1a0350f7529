"""What cannot be shown to staff cannot be refused by them."""

import gzip
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.records import ReviewRequested, UrgentRejected
from schemas.rejection import Cut
from schemas.sealed import SealedDetails
from schemas.topics import TopicName
from services.rejected_content import NOT_SHOWN
from services.review.errors import KeyMissing
from services.review.reading import RejectedValue
from services.review.unseen import unseen
from streams.domain.hand_over import unreadable_fields
from streams.domain.sealing import CannotOpen
from tests.decide_reviews import rejected_review, unconfirmed
from tests.disclosures import raw
from tests.turns import NOW, Lane, admitted, disclosed

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

    def rejected(self, records: Sequence[UrgentRejected]) -> list[RejectedValue | None]:
        return [self._kept, *[RejectedValue(b"another", None)] * (len(records) - 1)]

    def rejected_details(self, _: bytes, __: bytes) -> SealedDetails | None:
        return self._details if isinstance(self._details, SealedDetails) else None

    def details(self, _: ReviewRequested, __: bytes) -> SealedDetails | None:
        if isinstance(self._details, Exception):
            raise self._details
        return self._details


def asked(fields: dict[str, Any]) -> ReviewRequested:
    return ReviewRequested.model_validate(fields)


def of(lane: Lane, topic: TopicName) -> ReviewRequested:
    """Return the review of a record that was rejected from this topic."""
    request = asked(rejected_review(lane))
    (record,) = request.rejected_records
    return request.model_copy(update={"rejected_records": (record.model_copy(update={"topic": topic}),)})


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
        (RejectedValue(disclosed(), None), None),
        (RejectedValue(disclosed()[:2] + bytes(8) + disclosed()[10:], None), NOT_SHOWN),
        (RejectedValue(gzip.compress(raw()), None), NOT_SHOWN),
        (RejectedValue(raw().decode().encode("utf-16"), None), NOT_SHOWN),
        (RejectedValue(admitted(), None), "what was sealed in the record cannot be read"),
    ],
    ids=["as it came", "gone", "cut", "a record", "a newer schema", "gzip", "UTF-16", "a sealed part"],
)
def test_a_rejected_record_is_seen_if_it_is_whole_and_opens(
    lane: Lane, kept: RejectedValue | None, why: str | None
) -> None:
    assert unseen(Topics(kept), of(lane, TopicName.FORUM_DISCLOSURES_URGENT), MASTER) == why


def test_of_several_rejected_records_those_count_that_were_shown(lane: Lane) -> None:
    request = of(lane, TopicName.FORUM_DISCLOSURES_URGENT)
    several = request.model_copy(update={"rejected_records": request.rejected_records * 2})

    class SecondIsGone(Topics):
        def rejected(self, records: Sequence[UrgentRejected]) -> list[RejectedValue | None]:
            return [RejectedValue(b"there", None), None][: len(records)]

    assert unseen(SecondIsGone(), several, MASTER) == "the record is no longer kept"
    assert unseen(SecondIsGone(), several, MASTER, 1) is None


def test_what_cannot_even_be_decoded_after_admit_is_unseen(lane: Lane) -> None:
    # The words in it are sealed.
    request = of(lane, TopicName.ADMITTED_URGENT)
    assert (
        unseen(Topics(RejectedValue(b"damaged", None)), request, MASTER)
        == "what was sealed in the record cannot be read"
    )


def test_a_report_that_cannot_be_read_is_unseen() -> None:
    fields = unreadable_fields("report-1", 1, NOW)
    request = ReviewRequested.model_validate({"proposed": None, **fields})
    assert unseen(Topics(), request, MASTER) == "the report itself cannot be read"


def test_a_rejected_record_whose_section_opens_is_seen(lane: Lane) -> None:
    request = of(lane, TopicName.ADMITTED_URGENT)
    assert unseen(Topics(RejectedValue(admitted(), None), SealedDetails(summary="words")), request, MASTER) is None
    assert unseen(Topics(RejectedValue(admitted(), None)), request, MASTER) is not None
