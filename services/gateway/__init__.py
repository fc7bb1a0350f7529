"""The HTTP door for disclosures: accepted once Kafka has acknowledged, refused by naming the field."""

from services.gateway.app import create_app

__all__ = ["create_app"]
