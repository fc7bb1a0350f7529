"""The two services: send thousands of disclosures, repeats, changed contents and damaged bytes."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.codec import encode
from schemas.disclosure import Disclosure, disclosure_key
from schemas.partitioner import partition_for
from schemas.vocabulary import Service
from services.sdk.addressing import topic_of
from tests.bench.disclosures import disclosures
from tests.chaos.plan import PARTITIONS, Plan

#: Shares of further submissions: a disclosure again, other content under its id, its id at the other service, and bytes
#: that are no disclosure.
_AGAIN, _CHANGED, _OTHER_SERVICE, _DAMAGED = 0.06, 0.02, 0.02, 0.02
#: Share of submissions through the gateway, and share of the others that go to a wrong partition.
_BY_GATEWAY = 0.4
_ELSEWHERE = 0.03
#: Part of the time of the plan in which disclosures are sent.
_SHARE_OF_TIME = 0.85
_GIVE_UP_SECONDS = 240.0
#: Pause before a service sends again (seconds). It grows each time: hundreds of retries at once would need a core.
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 4.0
_ANSWER_SECONDS = 20.0
_JSON = {"content-type": "application/json"}
_NO_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True, slots=True)
class Submission:
    """One record of a service: a disclosure, or damaged bytes for the topic of that disclosure."""

    disclosure: Disclosure
    damaged: bytes | None = None

    @property
    def value(self) -> bytes:
        """The value of the record."""
        return encode("Disclosure", self.disclosure.model_dump()) if self.damaged is None else self.damaged


def submissions(plan: Plan) -> Iterator[Submission]:
    """Yield the submissions of the services, in order."""
    chance = random.Random(plan.seed)
    sent: list[Disclosure] = []
    for each in disclosures(plan.count, seed=plan.seed):
        sent.append(each)
        yield Submission(each)
        before = sent[chance.randrange(max(0, len(sent) - 50), len(sent))]
        draw = chance.random()
        if draw < _AGAIN:
            yield Submission(before)
        elif (draw := draw - _AGAIN) < _CHANGED:
            yield Submission(before.model_copy(update={"summary": f"Other words, {chance.random()}."}))
        elif (draw := draw - _CHANGED) < _OTHER_SERVICE:
            yield Submission(_of_other_service(before))
        elif draw - _OTHER_SERVICE < _DAMAGED:
            whole = encode("Disclosure", each.model_dump())
            yield Submission(each, whole[: chance.randrange(12, len(whole) - 1)] + chance.randbytes(8))


class Services:
    """Sends the submissions of a plan to Kafka and the gateway, each until it is acknowledged."""

    def __init__(self, plan: Plan, bootstrap: str, gateway: str) -> None:
        self._plan = plan
        self._bootstrap = bootstrap
        self._gateway = gateway
        #: Values of the acknowledged submissions: the gateway writes the same bytes as a service's own producer.
        self.acknowledged: set[bytes] = set()
        #: Counts of the results of requests to the gateway: a status, or the class of an error.
        self.answers: Counter[str] = Counter()

    async def send_all(self) -> None:
        """Send every submission over the time of the plan; raise `TimeoutError` if one is never acknowledged."""
        chance = random.Random(self._plan.seed + 1)
        planned = list(submissions(self._plan))
        each_seconds = self._plan.seconds * _SHARE_OF_TIME / len(planned)
        begun = time.monotonic()
        async with (
            _Direct.connected(self._bootstrap) as direct,
            # No limits: while Kafka is away, hundreds of requests wait, and each must have its own connection.
            httpx2.AsyncClient(base_url=self._gateway, timeout=_ANSWER_SECONDS, limits=_NO_LIMITS) as client,
            asyncio.TaskGroup() as group,
        ):
            for number, submission in enumerate(planned):
                await asyncio.sleep(max(0.0, begun + number * each_seconds - time.monotonic()))
                if submission.damaged is None and chance.random() < _BY_GATEWAY:
                    sent = self._by_gateway(client, submission.disclosure)
                else:
                    beside = chance.randrange(PARTITIONS) if chance.random() < _ELSEWHERE else 0
                    sent = direct.send(submission, beside)
                group.create_task(self._note(submission, sent))

    async def _note(self, submission: Submission, sent: Awaitable[None]) -> None:
        await sent
        self.acknowledged.add(submission.value)

    async def _by_gateway(self, client: httpx2.AsyncClient, disclosure: Disclosure) -> None:
        body, pause = disclosure.model_dump_json().encode(), _PAUSE_SECONDS
        until = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < until:
            try:
                answer = await client.post("/v1/disclosures", content=body, headers=_JSON)
            except httpx2.TransportError as error:
                # The gateway is restarting: the same disclosure is sent again.
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if answer.status_code == httpx2.codes.ACCEPTED:
                    return
                if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                    raise AssertionError(f"the gateway answered {answer.status_code} to a sound disclosure")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise TimeoutError(f"the gateway never took a disclosure; of all requests: {self.answers_text()}")

    def answers_text(self) -> str:
        """Return the counts of the results of requests to the gateway."""
        return ", ".join(f"{many} x {what}" for what, many in self.answers.most_common())


class _Direct:
    """The Kafka producer of a service; it sends at least once."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def connected(cls, bootstrap: str) -> AsyncIterator["_Direct"]:
        """Connect to Kafka; disconnect at the end of the context."""
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=10_000)
        await producer.start()
        try:
            yield cls(producer)
        finally:
            await producer.stop()

    async def send(self, submission: Submission, beside: int) -> None:
        """Send to the partition `beside` partitions after the right one; return once the record is acknowledged."""
        disclosure = submission.disclosure
        value = submission.value
        key = disclosure_key(disclosure.disclosure_id)
        partition = (partition_for(key, PARTITIONS) + beside) % PARTITIONS
        until = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            try:
                await self._producer.send_and_wait(str(topic_of(disclosure)), value, key, partition=partition)
            except KafkaError as error:
                if time.monotonic() > until:
                    raise TimeoutError("a record was never acknowledged") from error
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return


def _of_other_service(disclosure: Disclosure) -> Disclosure:
    other = Service.TEXT_LINE if disclosure.service is Service.FORUM else Service.FORUM
    subject = disclosure.subject
    account = None if subject.account is None else f"{other}:{subject.account.partition(':')[2]}"
    return disclosure.model_copy(update={"service": other, "subject": subject.model_copy(update={"account": account})})
