"""A fake of the producer SDK: keeps what was sent and what was refused, and acknowledges it at once."""

from dataclasses import dataclass

from schemas.disclosure import Disclosure
from services.sdk.addressing import topic_of
from services.sdk.producer import Acknowledged
from services.sdk.refused import Refused


@dataclass(frozen=True)
class Sent:
    """A record that is acknowledged already."""

    at: Acknowledged
    is_settled: bool = True

    def acknowledged(self) -> Acknowledged:
        return self.at


class Publisher:
    """Takes the place of `DisclosureProducer` at the gateway and in `confide produce`."""

    def __init__(self) -> None:
        self.published: list[Disclosure] = []
        self.refused: list[Refused] = []

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        self.published.append(disclosure)
        return Acknowledged(str(topic_of(disclosure)), 0, len(self.published))

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Sent:
        return Sent(self.publish(disclosure, traceparent))

    def reject(self, refused: Refused, traceparent: bytes | None = None) -> Acknowledged | None:
        self.refused.append(refused)
        return None

    def ready(self) -> bool:
        return True
