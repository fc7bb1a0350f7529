"""The safeguarding lead of a play: has each report that an agency did not acknowledge sent again."""

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
from services.review.errors import NoSuchReview
from services.review.reading import Topics
from services.review.send_outcome import send_outcome, signed
from services.settings import Keys

_POLL_SECONDS = 0.1
_WAIT_SECONDS = 15.0
#: An HTTP status that the connector does not retry.
_REFUSED = 422


class SafeguardingLead:
    """The first member of the built-in duty rota, who has each undelivered report sent again, once.

    Without that person's key no review is settled. A play adds no staff key to keys that it did not make itself.
    """

    def __init__(self, bootstrap: str, keys: Path, account: Account) -> None:
        self._bootstrap = bootstrap
        self._account = account
        self._staff = _first_on_rota()
        self._key = Keys.load(keys).staff.get(self._staff.id)
        self._seen: set[str] = set()

    @property
    def has_key(self) -> bool:
        """Whether there is a staff key to sign outcomes with."""
        return self._key is not None

    async def work(self) -> None:
        """Settle reviews of undelivered reports until cancelled; return at once without a staff key."""
        while self.has_key:
            for review_id, review in list(self._account.reviews.items()):
                is_new = review_id not in self._seen and review_id not in self._account.reviews_settled
                if is_new and review["reason"] == ReviewReason.UNDELIVERED:
                    await self._send_again(review_id)
            await asyncio.sleep(_POLL_SECONDS)

    async def _send_again(self, review_id: str) -> None:
        # If Kafka is away, or the review is not settled in time, the next round tries again.
        if await asyncio.to_thread(self._settle, review_id):
            self._seen.add(review_id)

    def _settle(self, review_id: str) -> bool:
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
            result = send_outcome(self._bootstrap, known, signed(outcome, self._key), wait=_WAIT_SECONDS)
        except (KafkaUnavailable, KafkaError):
            return False
        return isinstance(result, ReviewSettled)


def make_keys(folder: Path) -> None:
    """Make the keys of a play, with the staff key of its safeguarding lead."""
    Keys.create(folder)
    Keys.create_staff(folder, _first_on_rota().id)


def _first_on_rota() -> Staff:
    return load_duty().staff[0]


@asynccontextmanager
async def working(lead: SafeguardingLead) -> AsyncIterator[None]:
    """Run `lead.work()` inside the block; raise its error at the end, if it failed."""
    task = asyncio.create_task(lead.work())
    try:
        yield
    finally:
        task.cancel()
        # `await task` would raise CancelledError for both its own cancellation and that of the play, and the play's
        # would be lost.
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def refuse_once(agency: str) -> None:
    """Make the simulated agency at that URL refuse the first report that it receives."""
    async with httpx2.AsyncClient(base_url=agency, timeout=10.0) as client:
        (await client.post("/faults", json={"next": [_REFUSED]})).raise_for_status()
