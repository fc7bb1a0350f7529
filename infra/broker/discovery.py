"""Which broker is to be used?"""

import os

from infra.broker import running_broker
from infra.broker.errors import BrokerUnreachable
from infra.broker.probe import answers


def find_bootstrap() -> str | None:
    """KAFKA_BOOTSTRAP, else the broker that `confide broker start` left running, else None.

    Raises BrokerUnreachable where KAFKA_BOOTSTRAP names one that does not answer: quietly using another would mislead.
    """
    if named := os.environ.get("KAFKA_BOOTSTRAP", "").strip():
        if not answers(named):
            raise BrokerUnreachable(named)
        return named
    found = running_broker.running()
    return found.bootstrap if found else None
