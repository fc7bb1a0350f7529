"""What the two services and our own processes write disclosures with."""

from services.sdk.producer import Acknowledged, DisclosureProducer, KafkaUnavailable

__all__ = ["Acknowledged", "DisclosureProducer", "KafkaUnavailable"]
