"""Finds the broker that a command must use."""

import os

from infra.broker import running_broker
from infra.broker.errors import BrokerUnreachable
from infra.broker.probe import answers


def find_bootstrap() -> str | None:
    """Return KAFKA_BOOTSTRAP, else the address of the broker that `confide broker start` started, else None.

    Raises BrokerUnreachable if KAFKA_BOOTSTRAP names a broker that does not answer: using another one silently would
    mislead.
    """
    if named := os.environ.get("KAFKA_BOOTSTRAP", "").strip():
        if not answers(named):
            raise BrokerUnreachable(named)
        return named
    found = running_broker.running()
    return found.bootstrap if found else None
