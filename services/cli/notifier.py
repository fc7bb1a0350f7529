"""`confide notifier`: sends notices to the people who were reported."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from schemas.policy import load_policy
from schemas.topics import Group, TopicName
from schemas.vocabulary import PeerKind
from services.cli.environment import settings_with_kafka
from services.cli.lanes import Accept, Slot, accepted
from services.cli.ready import ready
from services.notifier.channels import ConsoleChannel, FileChannel
from services.notifier.process import run
from services.settings import SettingsError


class ChannelName(StrEnum):
    """The channels of notices."""

    CONSOLE = "console"
    FILE = "file"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(notifier)


def notifier(
    channel: Annotated[ChannelName, typer.Option(help="Where notices go.")] = ChannelName.CONSOLE,
    file: Annotated[Path | None, typer.Option(help="The file of --channel file, a JSON line a notice.")] = None,
    kind: Annotated[PeerKind, typer.Option(help="live: no notice of an exercise is sent.")] = PeerKind.LIVE,
    slot: Slot = None,
    accept: Accept = None,
) -> None:
    """Tell people that they were reported, to whom and why, until stopped."""
    settings = settings_with_kafka()
    if (channel is ChannelName.FILE) != (file is not None):
        raise SettingsError("--channel file needs --file, and --file is for --channel file alone")
    losses = accepted(accept, settings.bootstrap, {Group.NOTIFIER: TopicName.NOTIFICATIONS})
    configure("notifier")
    try:
        sender = ConsoleChannel() if file is None else FileChannel(file)
    except OSError as error:
        raise SettingsError(f"the file of notices cannot be written: {error.strerror}") from error
    try:
        status = run(
            sender,
            load_policy(),
            bootstrap=settings.bootstrap,
            kind=kind,
            slot=slot,
            opened=ready("notifier"),
            accepted=losses,
        )
    finally:
        shutdown()
    raise typer.Exit(status)
