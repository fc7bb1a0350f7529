"""Records that a service compresses with any of Kafka's codecs are read like others."""

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.disclosure import disclosure_key
from schemas.partitioner import partition_for
from services.sdk.addressing import topic_of
from tests.disclosures import disclosure
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_compressed_disclosure_is_decided(deployment: Deployment, codec: str) -> None:
    sent = disclosure(f"by-{codec}", summary="The same words again. " * 200)
    key = disclosure_key(sent.disclosure_id)
    producer = AIOKafkaProducer(bootstrap_servers=deployment.bootstrap, compression_type=codec, acks="all")
    await producer.start()
    try:
        value = encode("Disclosure", sent.model_dump())
        await producer.send_and_wait(topic_of(sent), value, key=key, partition=partition_for(key, 4))
    finally:
        await producer.stop()
    assert deployment.decided(f"by-{codec}")["outcome"] == "emergency"
