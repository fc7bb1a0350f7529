"""Tells which connectors run in a deployment, and whether their agencies are live: the brokers know each by a name."""

from collections.abc import Iterable, Mapping

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.agencies import connector_client, connector_group
from schemas.errors import KafkaUnavailable
from schemas.vocabulary import Agency, PeerKind


def running_kinds(bootstrap: str, agencies: Iterable[Agency] = tuple(Agency)) -> Mapping[Agency, set[PeerKind]]:
    """Return the kinds of the connectors that run; one that does not tell its kind counts as live.

    Raises `KafkaUnavailable` if Kafka does not answer: then it is unknown.
    """
    groups = {connector_group(agency): agency for agency in agencies}
    try:
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            described = admin.describe_groups(list(groups))
    except KafkaError as error:
        raise KafkaUnavailable("Kafka does not tell which connectors run") from error
    return {
        agency: {_kind_of(agency, member["client_id"]) for member in described[group]["members"]}
        for group, agency in groups.items()
    }


def _kind_of(agency: Agency, client: str) -> PeerKind:
    is_simulated = client == connector_client(agency, PeerKind.SIMULATED)
    return PeerKind.SIMULATED if is_simulated else PeerKind.LIVE
