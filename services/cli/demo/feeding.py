"""Sends the lines of a day to the gateway: each after the decision on the line before it, or as fast as possible."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence

import httpx2

from schemas.vocabulary import ConcernKind, Service
from services.cli.demo.account import Account, Sent

#: How long a line may wait for the gateway or for its decision; then the play continues without it (seconds).
PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.005
#: Most lines in flight at once if the play is not paced.
_AT_ONCE = 32


async def feed(
    lines: Sequence[bytes], url: str, credentials: Mapping[Service, str], account: Account, *, paced: bool
) -> None:
    """Send every line and enter it in the account, also the lines that the gateway refuses.

    Each line is sent with the API key of its service; a line that names none, with that of the forum.
    """
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        if paced:
            for number, line in enumerate(lines, start=1):
                sent = await _send(client, number, line, credentials, account)
                if sent.accepted and sent.disclosure_id is not None:
                    await _decided(account, sent.service, sent.disclosure_id)
        else:
            slots = asyncio.Semaphore(_AT_ONCE)

            async def one(number: int, line: bytes) -> None:
                async with slots:
                    await _send(client, number, line, credentials, account)

            await asyncio.gather(*(one(number, line) for number, line in enumerate(lines, start=1)))


async def _send(
    client: httpx2.AsyncClient, number: int, line: bytes, credentials: Mapping[Service, str], account: Account
) -> Sent:
    disclosure_id, service, about = _parsed(line)
    sent = Sent(number, disclosure_id, accepted=True, service=service, at=time.monotonic(), about=about)
    account.enter(sent)
    key = credentials[service or Service.FORUM]
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


async def _decided(account: Account, service: Service | None, disclosure_id: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    # Polled: the reader enters records from its own thread.
    while not account.is_decided(service, disclosure_id) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)


def _parsed(line: bytes) -> tuple[str | None, Service | None, str]:
    """Return the disclosure id, the service, and the service with its concerns as text.

    Returns None or an empty text for each that cannot be read: the line may be invalid.
    """
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
        pass  # The table shows as much as can be read.
    return found.lower() if isinstance(found, str) else None, service, about


def _error_of(answer: httpx2.Response) -> str:
    try:
        errors = answer.json()["errors"]
        return "; ".join(f"{each['field']}: {each['reason']}" for each in errors)
    except (ValueError, KeyError, TypeError):
        return f"refused with status {answer.status_code}"
