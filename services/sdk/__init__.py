"""The SDK, which the two services import: the producer of disclosures, and the topic of each."""

from schemas.errors import KafkaUnavailable
from services.sdk.producer import Acknowledged, DisclosureProducer

__all__ = ["Acknowledged", "DisclosureProducer", "KafkaUnavailable"]
