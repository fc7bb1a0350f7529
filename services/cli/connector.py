"""`confide connector`: sends reports to one agency."""

from enum import StrEnum
from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from schemas.agencies import AGENCIES
from schemas.errors import KafkaUnavailable
from schemas.vocabulary import Agency, PeerKind
from services.cli.environment import settings_with_kafka
from services.cli.lanes import Accept, Slot, accepted
from services.cli.messages import complain
from services.cli.ready import ready
from services.connector_kinds import running_kinds
from services.connectors.process import run
from services.master_key import check_master_key
from services.settings import SettingsError


class AgencyName(StrEnum):
    """The agencies, as the command line spells them."""

    EMERGENCY_999 = "999"
    POLICE_101 = "101"
    SOCIAL_WORKER = "social-worker"
    CARE_TEAM = "care-team"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(connector)


def connector(
    agency: Annotated[AgencyName, typer.Argument(help="Whose reports.", show_default=False)],
    agency_url: Annotated[str, typer.Option(help="Where the agency is, such as http://localhost:8999.")],
    kind: Annotated[PeerKind, typer.Option(help="live: no report of an exercise is sent.")] = PeerKind.LIVE,
    slot: Slot = None,
    accept: Accept = None,
) -> None:
    """Tell an agency of its reports until stopped."""
    settings = settings_with_kafka()
    keys = settings.keys()
    name = f"connector-{agency}"
    losses = accepted(accept, settings.bootstrap, {name: str(AGENCIES[Agency[agency.name]].reports)})
    configure(name)
    try:
        check_master_key(settings.bootstrap, keys.master)
        _refuse_other_kind(settings.bootstrap, Agency[agency.name], kind)
        status = run(
            Agency[agency.name],
            agency_url,
            bootstrap=settings.bootstrap,
            keys=keys,
            kind=kind,
            slot=slot,
            opened=ready(name),
            accepted=losses,
        )
    finally:
        shutdown()
    raise typer.Exit(status)


def _refuse_other_kind(bootstrap: str, agency: Agency, kind: PeerKind) -> None:
    """Raise `SettingsError` if a connector of the other kind runs: it would share the reports with this one."""
    try:
        others = running_kinds(bootstrap, (agency,))[agency] - {kind}
    except KafkaUnavailable as error:
        # The check finds a mistake of an operator, no more: reports are not held up for it.
        complain(f"{error}, so it is not checked that they are all of one kind")
        return
    if others:
        raise SettingsError(
            f"a connector of this agency runs with --kind {min(others)}: it would share the reports with this one"
        )
