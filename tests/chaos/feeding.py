"""The two services: thousands of disclosures with repeats, changed contents and damaged records, by both ways in."""

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

#: Shares of what is told beside the plain ones, in order: again, under its id with other content, under its id by the
#: other service, and bytes that are no disclosure.
_AGAIN, _CHANGED, _OTHER_SERVICE, _DAMAGED = 0.06, 0.02, 0.02, 0.02
_BY_GATEWAY = 0.4
_ELSEWHERE = 0.03
#: Of the plan's time in which disclosures are told.
_SHARE_OF_TIME = 0.85
_GIVE_UP_SECONDS = 240.0
#: How long a service waits before it tells again (seconds): longer each time, as many of them at once take a core.
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 4.0
_ANSWER_SECONDS = 20.0
_JSON = {"content-type": "application/json"}
_NO_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True, slots=True)
class Telling:
    """Something a service tells: a disclosure, or bytes that are none for the topic of one."""

    disclosure: Disclosure
    damaged: bytes | None = None


def tellings(plan: Plan) -> Iterator[Telling]:
    """Yield what the services tell, in order."""
    chance = random.Random(plan.seed)
    told: list[Disclosure] = []
    for each in disclosures(plan.count, seed=plan.seed):
        told.append(each)
        yield Telling(each)
        before = told[chance.randrange(max(0, len(told) - 50), len(told))]
        draw = chance.random()
        if draw < _AGAIN:
            yield Telling(before)
        elif (draw := draw - _AGAIN) < _CHANGED:
            yield Telling(before.model_copy(update={"summary": f"Other words, {chance.random()}."}))
        elif (draw := draw - _CHANGED) < _OTHER_SERVICE:
            yield Telling(_of_other_service(before))
        elif draw - _OTHER_SERVICE < _DAMAGED:
            whole = encode("Disclosure", each.model_dump())
            yield Telling(each, whole[: chance.randrange(12, len(whole) - 1)] + chance.randbytes(8))


class Services:
    """Tells Kafka and the gateway what the plan has; each until it is acknowledged."""

    def __init__(self, plan: Plan, bootstrap: str, gateway: str) -> None:
        self._plan = plan
        self._bootstrap = bootstrap
        self._gateway = gateway
        #: What was acknowledged: ids of disclosures by service, and bytes that are none.
        self.acknowledged: set[tuple[str, str] | bytes] = set()
        #: What came of each request to the gateway: its status, or the class of an error.
        self.answers: Counter[str] = Counter()

    async def tell(self) -> None:
        """Tell everything over the time of the plan; raises `TimeoutError` where something is never taken."""
        chance = random.Random(self._plan.seed + 1)
        told = list(tellings(self._plan))
        each_seconds = self._plan.seconds * _SHARE_OF_TIME / len(told)
        begun = time.monotonic()
        async with (
            _Direct.connected(self._bootstrap) as direct,
            # Without limits: while Kafka is away, requests by the hundred wait, and none may wait for a connection.
            httpx2.AsyncClient(base_url=self._gateway, timeout=_ANSWER_SECONDS, limits=_NO_LIMITS) as client,
            asyncio.TaskGroup() as group,
        ):
            for number, telling in enumerate(told):
                await asyncio.sleep(max(0.0, begun + number * each_seconds - time.monotonic()))
                if telling.damaged is None and chance.random() < _BY_GATEWAY:
                    sent = self._by_gateway(client, telling.disclosure)
                else:
                    beside = chance.randrange(PARTITIONS) if chance.random() < _ELSEWHERE else 0
                    sent = direct.tell(telling, beside)
                group.create_task(self._note(telling, sent))

    async def _note(self, telling: Telling, sent: Awaitable[None]) -> None:
        await sent
        disclosure = telling.disclosure
        self.acknowledged.add(telling.damaged or (disclosure.service, disclosure.disclosure_id))

    async def _by_gateway(self, client: httpx2.AsyncClient, disclosure: Disclosure) -> None:
        body, pause = disclosure.model_dump_json().encode(), _PAUSE_SECONDS
        until = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < until:
            try:
                answer = await client.post("/v1/disclosures", content=body, headers=_JSON)
            except httpx2.TransportError as error:
                # The gateway is being started again: the same is told once more.
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if answer.status_code == httpx2.codes.ACCEPTED:
                    return
                if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                    raise AssertionError(f"the gateway answered {answer.status_code} to a sound disclosure")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise TimeoutError(f"the gateway never took a disclosure; of all requests: {self.said()}")

    def said(self) -> str:
        """Return what came of the requests to the gateway, counted."""
        return ", ".join(f"{many} x {what}" for what, many in self.answers.most_common())


class _Direct:
    """A service's own producer, at least once."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def connected(cls, bootstrap: str) -> AsyncIterator["_Direct"]:
        """Connect for as long as the context lasts."""
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=10_000)
        await producer.start()
        try:
            yield cls(producer)
        finally:
            await producer.stop()

    async def tell(self, telling: Telling, beside: int) -> None:
        """Return once the record is acknowledged, in the partition so many after its own."""
        disclosure = telling.disclosure
        value = encode("Disclosure", disclosure.model_dump()) if telling.damaged is None else telling.damaged
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
