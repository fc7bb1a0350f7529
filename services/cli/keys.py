"""`confide keys`: the secret keys of a deployment and of its staff, and the API keys of the services."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import Invalid
from schemas.policy import ConfigFileError
from schemas.policy.duty import load_duty
from schemas.reviews import check_staff
from schemas.vocabulary import Service
from services.cli.messages import complain, say
from services.credentials import ApiKey
from services.credentials.api_keys import revoke as revoke_key
from services.credentials.api_keys import stored
from services.settings import STAFF_FOLDER, Keys, SettingsError, read_key

keys = typer.Typer(help="The secret keys of a deployment.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(keys, name="keys")


@keys.callback()
def _group() -> None:
    """The secret keys of a deployment."""


@keys.command()
def create(folder: Annotated[Path, typer.Argument(help="Where the key files go.")]) -> None:
    """Make the key files that FOLDER lacks; those that exist are read, and kept."""
    made = Keys.create(folder)
    # A key that exists but cannot be used would otherwise be found when the first process starts.
    Keys.load(folder)
    say(f"{len(made)} made: {', '.join(path.name for path in made) or 'all were there'}")


@keys.command()
def staff(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of the duty rota: it stands in topics, so no name.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Of the key files; else CONFIDE_KEYS.", envvar="CONFIDE_KEYS")
    ] = None,
) -> None:
    """Make the key with which a member of staff on the duty rota signs; one that exists is read, and kept.

    Running workers know it within seconds. To take a key away, remove its file staff/ID.key.
    """
    if folder is None:
        raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files")
    try:
        check_staff(name)
    except Invalid as invalid:
        raise SettingsError(f"ID {invalid.problems[0].reason}") from invalid
    _refuse_unless_on_rota(name)
    made = Keys.create_staff(folder, name)
    if made is None:
        read_key(folder / STAFF_FOLDER / f"{name}.key")
    say("it was there" if made is None else f"made: staff/{made.name}")


_Credentials = Annotated[
    Path | None,
    typer.Argument(help="Of the services' API keys; else CONFIDE_CREDENTIALS.", envvar="CONFIDE_CREDENTIALS"),
]


@keys.command()
def service(
    name: Annotated[Service, typer.Argument(metavar="NAME", help="Of the service: forum or text_line.")],
    folder: _Credentials = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="All that comes with it is a drill.")] = False,
) -> None:
    """Make an API key with which a service passes the gateway. It is shown once, and stored as a hash.

    Running gateways know it within seconds. A service may have several, so that one can replace another.
    """
    key, text = ApiKey.create(_credentials(folder), name, datetime.now(UTC), exercise=exercise)
    say(text)
    what = f"key {key.id} of {name}{', for exercises' if exercise else ''}"
    complain(f"{what}; it is not shown again")


@keys.command()
def services(folder: _Credentials = None) -> None:
    """List the API keys of the services: id, service, and when each was made."""
    try:
        found = stored(_credentials(folder))
    except OSError as error:
        raise SettingsError(f"{folder}: {error.strerror}") from error
    for key in found:
        use = "  exercise" if key.exercise else ""
        say(f"{key.id}  {key.service:<9}  {key.made_at.isoformat(timespec='seconds')}{use}")
    if not found:
        say("No service has a key.")


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Of the key, as the list has it.")],
    folder: _Credentials = None,
) -> None:
    """Revoke an API key. Running gateways refuse it within 5 seconds."""
    revoke_key(_credentials(folder), key_id)
    say(f"revoked: {key_id}")


def _credentials(folder: Path | None) -> Path:
    if folder is None:
        raise SettingsError("CONFIDE_CREDENTIALS is not set: name the folder of the services' API keys")
    return folder


def _refuse_unless_on_rota(name: str) -> None:
    """Raise `SettingsError` unless the owner of a key is on the duty rota: what the key signs would be refused."""
    file = os.environ.get("CONFIDE_DUTY")
    rota = f"the duty rota {file}" if file else "the policy's own duty rota (CONFIDE_DUTY is not set)"
    try:
        duty = load_duty(Path(file) if file else None)
    except ConfigFileError as error:
        raise SettingsError(f"it is unknown whether {name} is on the duty rota: {error}") from error
    if duty.named(name) is None:
        raise SettingsError(f"{name} is not on {rota}; allowed: {', '.join(each.id for each in duty.staff)}")
