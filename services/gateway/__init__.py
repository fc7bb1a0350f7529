"""The HTTP gateway for disclosures: it accepts them after Kafka acknowledged, and refuses them by naming the field."""

from services.gateway.app import create_app

__all__ = ["create_app"]
