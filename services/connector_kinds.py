"""Tells which connectors run in a deployment, and whether their agencies are live: the brokers know each by a name."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.agencies import connector_client, connector_group
from schemas.errors import KafkaUnavailable
from schemas.vocabulary import Agency, PeerKind

#: How long the broker is asked again, and the wait before each repetition (seconds).
_PATIENCE_SECONDS = 20.0
_AGAIN_SECONDS = 0.5


def running_kinds(bootstrap: str, agencies: Iterable[Agency] = tuple(Agency)) -> Mapping[Agency, set[PeerKind]]:
    """Return the kinds of the connectors that run; one that does not tell its kind counts as live.

    Raises `KafkaUnavailable` if Kafka does not answer: then it is unknown.
    """
    groups = {connector_group(agency): agency for agency in agencies}
    described = _described(bootstrap, list(groups))
    return {
        agency: {_kind_of(agency, member["client_id"]) for member in described[group]["members"]}
        for group, agency in groups.items()
    }


def _described(bootstrap: str, groups: Sequence[str]) -> Mapping[str, Any]:
    """Return the groups as the broker describes them; asked again for a while, because a new broker has none yet."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
                found: Mapping[str, Any] = admin.describe_groups(list(groups))
                return found
        except KafkaError as error:
            if time.monotonic() > deadline:
                raise KafkaUnavailable("Kafka does not tell which connectors run") from error
        time.sleep(_AGAIN_SECONDS)


def _kind_of(agency: Agency, client: str) -> PeerKind:
    is_simulated = client == connector_client(agency, PeerKind.SIMULATED)
    return PeerKind.SIMULATED if is_simulated else PeerKind.LIVE
