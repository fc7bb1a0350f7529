"""Refuses a load test beside a live agency: its reports would be for real agencies."""

from schemas.vocabulary import PeerKind
from services.connector_kinds import running_kinds
from services.settings import SettingsError


def refuse_live_agencies(bootstrap: str) -> None:
    """Raise `SettingsError` if a live connector runs in the deployment of this Kafka; it names the agencies.

    Raises `KafkaUnavailable` if Kafka does not answer: then it is unknown.
    """
    live = [agency for agency, kinds in running_kinds(bootstrap).items() if PeerKind.LIVE in kinds]
    if live:
        raise SettingsError(
            f"a live connector runs here, of {', '.join(live)}: a load test is for deployments in which each connector "
            "runs with --kind simulated"
        )
