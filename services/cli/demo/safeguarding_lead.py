"""Staff of the play: what they do about a report that no agency acknowledged, as a safeguarding lead would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from kafka.errors import KafkaError

from schemas.errors import KafkaUnavailable
from schemas.policy.duty import Staff, load_duty
from schemas.reviews import ReviewOutcome, ReviewSettled
from schemas.vocabulary import ReviewDecision, ReviewReason
from services.cli.demo.account import Account
from services.review.answering import answer, signed
from services.review.errors import NoSuchReview
from services.review.reading import Topics
from services.settings import Keys

_POLL_SECONDS = 0.1
_WAIT_SECONDS = 15.0
#: A status that no further attempt can help.
_REFUSED = 422


class SafeguardingLead:
    """A member of staff on the built-in rota who has each undelivered report sent again, once.

    Nobody is at it where the keys have none of staff: a play adds none to keys that are not its own.
    """

    def __init__(self, bootstrap: str, keys: Path, account: Account) -> None:
        self._bootstrap = bootstrap
        self._account = account
        self._staff = _first_on_rota()
        self._key = Keys.load(keys).staff.get(self._staff.id)
        self._seen: set[str] = set()

    @property
    def is_staffed(self) -> bool:
        """Whether somebody can sign what is made of a review."""
        return self._key is not None

    async def work(self) -> None:
        """Settle reviews until cancelled."""
        while self.is_staffed:
            for review_id, review in list(self._account.reviews.items()):
                is_new = review_id not in self._seen and review_id not in self._account.reviews_settled
                if is_new and review["reason"] == ReviewReason.UNDELIVERED:
                    await self._send_again(review_id)
            await asyncio.sleep(_POLL_SECONDS)

    async def _send_again(self, review_id: str) -> None:
        # Where Kafka is away, or nothing came of it in time, it is tried again.
        if await asyncio.to_thread(self._answer, review_id):
            self._seen.add(review_id)

    def _answer(self, review_id: str) -> bool:
        if self._key is None:
            return False
        try:
            topics = Topics(self._bootstrap)
            try:
                known = topics.review_index().find(review_id)
            finally:
                topics.close()
        except (NoSuchReview, KafkaError):
            return False
        outcome = ReviewOutcome(
            review_id=review_id,
            by=self._staff.id,
            role=self._staff.role,
            decided_at=datetime.now(UTC),
            decision=ReviewDecision.SEND_AGAIN,
            signature=b"",
        )
        try:
            came = answer(self._bootstrap, known, signed(outcome, self._key), wait=_WAIT_SECONDS)
        except (KafkaUnavailable, KafkaError):
            return False
        return isinstance(came, ReviewSettled)


def make_keys(folder: Path) -> None:
    """Make the keys of a play, with that of the member of staff at its desk."""
    Keys.create(folder)
    Keys.create_staff(folder, _first_on_rota().id)


def _first_on_rota() -> Staff:
    return load_duty().staff[0]


@asynccontextmanager
async def working(desk: SafeguardingLead) -> AsyncIterator[None]:
    """Have the desk at work inside; raises what ended it."""
    task = asyncio.create_task(desk.work())
    try:
        yield
    finally:
        task.cancel()
        # Not awaited itself: its cancellation could not be told from that of the play, which would then be lost.
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def refuse_once(agency: str) -> None:
    """Have the simulated agency at that URL refuse the first report it gets."""
    async with httpx2.AsyncClient(base_url=agency, timeout=10.0) as client:
        (await client.post("/faults", json={"next": [_REFUSED]})).raise_for_status()
