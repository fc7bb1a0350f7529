"""Refuses a load test beside a live agency: its reports would be for real agencies."""

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.agencies import connector_client, connector_group
from schemas.errors import KafkaUnavailable
from schemas.vocabulary import Agency, PeerKind
from services.settings import SettingsError


def refuse_live_agencies(bootstrap: str) -> None:
    """Raise `SettingsError` if a live connector runs in the deployment of this Kafka; it names the agencies.

    Raises `KafkaUnavailable` if Kafka does not answer: then it is unknown.
    """
    groups = {connector_group(agency): agency for agency in Agency}
    try:
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            described = admin.describe_groups(list(groups))
    except KafkaError as error:
        raise KafkaUnavailable("Kafka does not tell which connectors run") from error
    live = [
        agency
        for group, agency in groups.items()
        if any(member["client_id"] == connector_client(agency, PeerKind.LIVE) for member in described[group]["members"])
    ]
    if live:
        raise SettingsError(
            f"a live connector runs here, of {', '.join(live)}: a load test is for deployments in which each connector "
            "runs with --kind simulated"
        )
