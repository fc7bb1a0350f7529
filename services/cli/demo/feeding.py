"""Plays the lines of a day to the gateway, each released once the one before is decided, or as fast as it can."""

import asyncio
import json
import time
from collections.abc import Sequence

import httpx2

from schemas.vocabulary import ConcernKind, Service
from services.cli.demo.account import Account, Sent

#: How long a line may wait for the gateway, or for its decision, before the play goes on without it (seconds).
PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.005
#: Lines under way at once where the play is not paced.
_AT_ONCE = 32


async def feed(lines: Sequence[bytes], url: str, account: Account, *, paced: bool) -> None:
    """Send every line; what the gateway refuses is entered as refused."""
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        if paced:
            for number, line in enumerate(lines, start=1):
                sent = await _send(client, number, line, account)
                if sent.accepted and sent.disclosure_id is not None:
                    await _decided(account, sent.service, sent.disclosure_id)
        else:
            slots = asyncio.Semaphore(_AT_ONCE)

            async def one(number: int, line: bytes) -> None:
                async with slots:
                    await _send(client, number, line, account)

            await asyncio.gather(*(one(number, line) for number, line in enumerate(lines, start=1)))


async def _send(client: httpx2.AsyncClient, number: int, line: bytes, account: Account) -> Sent:
    disclosure_id, service, about = _seen(line)
    sent = Sent(number, disclosure_id, accepted=True, service=service, at=time.monotonic(), about=about)
    account.enter(sent)
    until = sent.at + PATIENCE_SECONDS
    while True:
        try:
            answer = await client.post("/v1/disclosures", content=line, headers={"content-type": "application/json"})
        except httpx2.TransportError as error:
            problem = type(error).__name__  # the gateway is being started again: the same line is sent once more
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


async def _decided(account: Account, service: Service | None, disclosure_id: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    # Asked for, not told of: the records come in a thread of their own.
    while not account.is_decided(service, disclosure_id) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)


def _seen(line: bytes) -> tuple[str | None, Service | None, str]:
    """Return the line's disclosure id, its service and its concerns, as far as a line that may be bad can be read."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None, None, ""
    found = fields.get("disclosure_id") if isinstance(fields, dict) else None
    service, about = None, ""
    try:
        service = Service(fields["service"])
        about = f"{service}: {', '.join(ConcernKind(c['kind']) for c in fields['concerns'])}"
    except (KeyError, TypeError, ValueError):
        pass  # As far as it can be read is how far the table shows it.
    return found.lower() if isinstance(found, str) else None, service, about


def _error_of(answer: httpx2.Response) -> str:
    try:
        errors = answer.json()["errors"]
        return "; ".join(f"{each['field']}: {each['reason']}" for each in errors)
    except (ValueError, KeyError, TypeError):
        return f"refused with status {answer.status_code}"
