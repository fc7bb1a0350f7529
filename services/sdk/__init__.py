"""What the two services and our own processes write disclosures with."""

from services.sdk.producer import Acknowledged, DisclosureProducer, Unavailable

__all__ = ["Acknowledged", "DisclosureProducer", "Unavailable"]
