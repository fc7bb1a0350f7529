"""What the two services and our own processes write disclosures with."""

from schemas.errors import KafkaUnavailable
from services.sdk.producer import Acknowledged, DisclosureProducer

__all__ = ["Acknowledged", "DisclosureProducer", "KafkaUnavailable"]
