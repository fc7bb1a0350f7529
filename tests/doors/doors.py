"""Every door for a disclosure, and its verdict on a line: the bytes that go to Kafka, or the problems.

The published JSON Schema counts as a door: it allows what the doors accept, apart from what it cannot say.
"""

import asyncio
import contextlib
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import ValidationError

from schemas.codec import encode
from schemas.disclosure import Disclosure, parse_json
from schemas.errors import Invalid
from schemas.json_reader import is_blank
from schemas.policy import load_policies
from schemas.rejection import REFUSED_BY
from schemas.topics import TopicName
from services.cli.decide import as_json, decisions
from services.cli.disclosure_lines import read_lines
from services.cli.line_kinds import are_json_lines
from services.cli.produce import send_lines
from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.sdk import DisclosureProducer
from services.sdk.addressing import topic_of
from streams.agents.admit import Admit
from streams.domain.admission import readable_fields
from streams.runtime import Record
from tests.disclosures import KEYS
from tests.doors.mutated import MARKER
from tests.doors.published import disagreement
from tests.fakes.publisher import Publisher
from tests.fakes.taking_connection import TakingConnection

#: The problems of a refused line, each as text; the bytes of an accepted one, as the SDK writes them.
Verdict = bytes | tuple[str, ...]


@dataclass
class Doors:
    """The doors, each open, and the faults that were found."""

    faults: list[str] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self._publisher = Publisher()
        self._connection = TakingConnection()
        self._producer = DisclosureProducer("127.0.0.1:1", connection=self._connection)
        self._chance = random.Random(1)
        self._app: FastAPI = create_app(self._publisher, OpenDoor())
        self._policies = load_policies()
        self._admit = Admit(
            master_key=KEYS.master, token_key=KEYS.token, token_version="1", owner=lambda _: None, partitions=1
        )

    async def try_all(self, lines: Iterator[bytes]) -> None:
        """Send each line through every door, and note each difference, exception and shown input."""
        transport = httpx2.ASGITransport(app=self._app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for number, line in enumerate(lines):
                await self._try(number, line, client)
                if number % 100 == 0:
                    await asyncio.sleep(0)

    async def _try(self, number: int, line: bytes, client: httpx2.AsyncClient) -> None:
        found: dict[str, Verdict] = {}
        try:
            found["gateway"] = await self._by_gateway(line, client)
            found["ADMIT"] = self._by_admit(line, found["gateway"])
            if (by_sdk := self._by_sdk(line)) is not None:
                found["SDK"] = by_sdk
            if b"\n" not in line and not is_blank(line):
                # Only such a line can be in a file of lines.
                if are_json_lines([line]):
                    found["produce"] = self._by_produce(line)
                    self._try_decide(line, found["gateway"])
                elif isinstance(found["gateway"], bytes):
                    raise AssertionError("a file of a disclosure counts as another format")
        except Exception as error:  # noqa: BLE001 - a door that raises is what is looked for
            self.faults.append(f"line {number}: {type(error).__name__} after {', '.join(found) or 'no door'}")
            return
        first = found["gateway"]
        if isinstance(first, bytes):
            self._try_flipped(number, first)
        self.accepted += isinstance(first, bytes)
        self.refused += not isinstance(first, bytes)
        self.faults += [f"line {number}: {door} has another verdict" for door, each in found.items() if each != first]
        if (differs := disagreement(line, () if isinstance(first, bytes) else first)) is not None:
            self.faults.append(f"line {number}: {differs}")
        if any(MARKER in problem for each in found.values() if not isinstance(each, bytes) for problem in each):
            self.faults.append(f"line {number}: an error shows input")

    def _try_flipped(self, number: int, value: bytes) -> None:
        """Have ADMIT read a written disclosure with one changed byte: it is read or rejected, and nothing else."""
        at = 10 + self._chance.randrange(len(value) - 10)
        flipped = value[:at] + self._chance.randbytes(1) + value[at + 1 :]
        try:
            self._admit.decode(Record(TopicName.FORUM_DISCLOSURES_URGENT, 0, 0, 0, b"key", flipped, ()))
        except Invalid:
            return
        except Exception as error:  # noqa: BLE001 - an agent that raises is what is looked for
            self.faults.append(f"line {number}: {type(error).__name__} at a changed byte of its record")

    async def _by_gateway(self, line: bytes, client: httpx2.AsyncClient) -> Verdict:
        answer = await client.post("/v1/disclosures", content=line)
        if MARKER in answer.text or any(MARKER in value for value in answer.headers.values()):
            raise AssertionError("the answer shows input")
        verdict = self._taken()
        if (answer.status_code == 202) != isinstance(verdict, bytes):
            raise AssertionError("the answer is not what was done")
        if answer.status_code == 422:
            return tuple(f"{each['field']}: {each['reason']}" for each in answer.json()["errors"])
        return verdict

    def _by_sdk(self, line: bytes) -> Verdict | None:
        """Return the SDK's verdict on the fields of the line as Python reads them; None for what it reads otherwise."""
        try:
            made = json.loads(
                line.decode("utf-8", "surrogatepass"),
                strict=False,
                object_pairs_hook=_each_once,
                parse_constant=_each_once,
            )
        except ValueError:
            return None
        try:
            self._producer.send(Disclosure.model_validate(made))
        except ValidationError as error:
            if MARKER in f"{error} {error!r}":
                raise AssertionError("the SDK's error shows input") from None
            return _problems(Invalid.from_validation(error))
        (value,) = self._connection.taken()
        return value

    def _by_produce(self, line: bytes) -> Verdict:
        """Return the verdict of `confide produce` on a file of this line; it prints the problems."""
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            counts = send_lines(io.BytesIO(line + b"\n"), self._publisher, None)
        verdict = self._taken()
        if counts != ((1, 0) if isinstance(verdict, bytes) else (0, 1)):
            raise AssertionError("the counts are not what was done")
        if printed.getvalue() != ("" if isinstance(verdict, bytes) else f"line 1: {_as_printed(verdict)}\n"):
            raise AssertionError("the printed problems are others")
        return verdict

    def _try_decide(self, line: bytes, wanted: Verdict) -> None:
        """Have `confide decide` decide a file of this line; it has no verdict of the same form."""
        (found,) = decisions(read_lines(io.BytesIO(line + b"\n")), None, self._policies, as_json)
        number, decided = found
        if number != 1 or isinstance(decided, bytes) != isinstance(wanted, bytes):
            raise AssertionError("decide has another verdict")
        if not isinstance(wanted, bytes) and decided != _as_printed(wanted):
            raise AssertionError("decide prints other problems")

    def _taken(self) -> Verdict:
        """Return what the last door did with its line, and forget it."""
        published, refused = self._publisher.published, self._publisher.refused
        verdicts: list[Verdict] = [_written(each) for each in published]
        verdicts += [_problems(each.invalid) for each in refused]
        (verdict,) = verdicts
        published.clear()
        refused.clear()
        return verdict

    def _by_admit(self, line: bytes, before: Verdict) -> Verdict:
        """Return ADMIT's verdict on what the other doors send it: the written disclosure, or the line as it came."""
        value = before if isinstance(before, bytes) else line
        topic = TopicName.FORUM_DISCLOSURES_URGENT
        if isinstance(before, bytes):
            topic = topic_of(parse_json(line))
        try:
            refused = () if isinstance(before, bytes) else ((REFUSED_BY, b"gateway"),)
            accepted = self._admit.decode(Record(topic, 0, 0, 0, b"key", value, refused))
        except Invalid as invalid:
            return before if value == b"" else _problems(invalid)
        readable_fields(accepted.fields, accepted.disclosure.disclosed_at)
        return _written(accepted.disclosure)


def _each_once(pairs: Any) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError
    return fields


def _written(disclosure: Disclosure) -> bytes:
    return encode("Disclosure", disclosure.model_dump())


def _problems(invalid: Invalid) -> tuple[str, ...]:
    return tuple(map(str, invalid.problems))


def _as_printed(problems: tuple[str, ...]) -> str:
    """Return the problems as the command line prints them: `line: ` stands for a field, and the number is printed."""
    return "; ".join(each.removeprefix("line: ") for each in problems)
