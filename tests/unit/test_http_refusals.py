"""A request that is not HTTP is refused in the shape of every other refusal, and the response quotes nothing of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.gateway.problems import MAX_ANSWER_BYTES, MEDIA_TYPE, refuse
from services.http_server import BAD_REQUEST, HEAD_BYTES, listen, port_of, running
from tests.disclosures import raw
from tests.fakes.publisher import Publisher

_SECONDS = 10
_POST = b"POST /v1/disclosures HTTP/1.1\r\nhost: localhost\r\n"
NO_HTTP = {
    "a head that is too long": _POST + b"x-long: " + b"SECRET" * HEAD_BYTES,
    "a line without a colon": _POST + b"SECRET\r\n\r\n",
    "a space in a name": _POST + b"x SECRET: 1\r\n\r\n",
    "a control character": _POST + b"x: \x00SECRET\r\n\r\n",
    "no host": b"POST /v1/disclosures HTTP/1.1\r\nx: SECRET\r\n\r\n",
    "two hosts": _POST + b"host: SECRET\r\n\r\n",
    "two lengths": _POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nSECRET",
    "a length of words": _POST + b"content-length: SECRET\r\n\r\n",
    "a negative length": _POST + b"content-length: -1\r\n\r\nSECRET",
    "an unknown coding": _POST + b"transfer-encoding: SECRET\r\n\r\n",
    "another protocol": b"SSH-2.0-SECRET\r\n\r\n",
    "a hello of TLS": b"\x16\x03\x01\x02\x00\x01SECRET\r\n\r\n",
    "no version": b"GET /SECRET\r\n\r\n",
    "a path that is no ASCII": "GET /SECRETé HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(),
}


@asynccontextmanager
async def connected(publisher: Publisher) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with listen("127.0.0.1", 0) as bound:
        async with running([(create_app(publisher, OpenDoor()), bound)]), asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bound))
            try:
                yield reader, writer
            finally:
                writer.close()


def assert_refused(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").lower().split("\r\n")
    assert lines[0] == "http/1.1 400 bad request"
    assert f"content-type: {MEDIA_TYPE}" in lines
    assert json.loads(body) == json.loads(BAD_REQUEST)
    assert b"SECRET" not in answer
    assert len(answer) < MAX_ANSWER_BYTES


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_not_http_gets_problem_details(sent: bytes) -> None:
    publisher = Publisher()
    async with connected(publisher) as (reader, writer):
        writer.write(sent)
        assert_refused(await reader.read())
    assert (publisher.published, publisher.refused) == ([], [])


async def test_a_body_that_is_not_http_gets_problem_details_and_is_kept() -> None:
    publisher = Publisher()
    async with connected(publisher) as (reader, writer):
        writer.write(_POST + b"transfer-encoding: chunked\r\n\r\n5\r\nSECRE\r\nno chunk\r\n")
        assert_refused(await reader.read())
    assert [each.raw for each in publisher.refused] == [b"SECRE"]


async def test_a_second_request_that_is_not_http_gets_problem_details_after_the_first_response() -> None:
    async with connected(Publisher()) as (reader, writer):
        body = raw()
        writer.write(_POST + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert (await reader.readuntil(b'"accepted"}')).startswith(b"HTTP/1.1 202")
        writer.write(b"SECRET\r\n\r\n")
        assert_refused(await reader.read())


async def test_a_response_that_has_begun_is_not_followed_by_another(caplog: pytest.LogCaptureFixture) -> None:
    # The response to a path that is unknown does not wait for the body.
    async with connected(Publisher()) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        await reader.readuntil(b"}")
        writer.write(b"no chunk\r\n")
        assert b"HTTP/1.1" not in await reader.read()
    assert [each for each in caplog.records if each.name == "asyncio"] == []


def test_the_shape_is_that_of_the_gateways_refusals() -> None:
    given = json.loads(BAD_REQUEST)
    assert json.loads(bytes(refuse(400, given["detail"]).body)) == given
