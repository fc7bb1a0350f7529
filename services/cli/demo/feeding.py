"""Sends the lines of a day to the gateway: each after the decision on the line before it, or as fast as possible."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence

import httpx2

from schemas.vocabulary import ConcernKind, Service
from services.cli.demo.account import Account, Sent
from streams.domain.ids import sender_of

#: How long a line may wait for the gateway or for its decision; then the play continues without it (seconds).
PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.005
#: Most lines in flight at once if the play is not paced.
_AT_ONCE = 32


async def feed(
    lines: Sequence[bytes], url: str, credentials: Mapping[str, str], account: Account, *, paced: bool
) -> None:
    """Send every line and enter it in the account, also the lines that the gateway refuses.

    Each line is sent with the API key of its sender (`sender_of`); a line that names none, with that of the forum.
    """
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        if paced:
            for number, line in enumerate(lines, start=1):
                sent = await _send(client, number, line, credentials, account)
                if sent.accepted and sent.disclosure_id is not None:
                    await _decided(account, sent.sender, sent.disclosure_id)
        else:
            slots = asyncio.Semaphore(_AT_ONCE)

            async def one(number: int, line: bytes) -> None:
                async with slots:
                    await _send(client, number, line, credentials, account)

            await asyncio.gather(*(one(number, line) for number, line in enumerate(lines, start=1)))


async def _send(
    client: httpx2.AsyncClient, number: int, line: bytes, credentials: Mapping[str, str], account: Account
) -> Sent:
    sent = _parsed(number, line)
    account.enter(sent)
    key = credentials[sent.sender or Service.FORUM]
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    until = sent.at + PATIENCE_SECONDS
    while True:
        try:
            answer = await client.post("/v1/disclosures", content=line, headers=headers)
        except httpx2.TransportError as error:
            problem = type(error).__name__  # the gateway is restarting: the same line is sent again
        else:
            if answer.status_code == httpx2.codes.ACCEPTED:
                return sent
            if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                sent.accepted = False
                sent.error = _error_of(answer)
                return sent
            problem = str(answer.status_code)
        if time.monotonic() > until:
            sent.accepted = False
            sent.error = f"the gateway did not take it: {problem}"
            return sent
        await asyncio.sleep(_PAUSE_SECONDS)


async def _decided(account: Account, sender: str | None, disclosure_id: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    # Polled: the reader enters records from its own thread.
    while not account.is_decided(sender, disclosure_id) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)


def _parsed(number: int, line: bytes) -> Sent:
    """Return the line as it is sent now, with as much as can be read of it: it may be invalid."""
    sent = Sent(number, None, accepted=True, at=time.monotonic())
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return sent
    found = fields.get("disclosure_id") if isinstance(fields, dict) else None
    sent.disclosure_id = found.lower() if isinstance(found, str) else None
    try:
        service = Service(fields["service"])
        sent.sender = sender_of(service, exercise=fields.get("exercise") is True)
        sent.about = f"{service}: {', '.join(ConcernKind(c['kind']) for c in fields['concerns'])}"
    except (KeyError, TypeError, ValueError):
        pass  # The table shows as much as can be read.
    return sent


def _error_of(answer: httpx2.Response) -> str:
    try:
        errors = answer.json()["errors"]
        return "; ".join(f"{each['field']}: {each['reason']}" for each in errors)
    except (ValueError, KeyError, TypeError):
        return f"refused with status {answer.status_code}"
