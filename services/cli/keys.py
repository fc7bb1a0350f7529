"""`confide keys create FOLDER` and `confide keys staff ID`: the secret keys of a deployment and of its staff."""

import os
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import Invalid
from schemas.policy import ConfigFileError
from schemas.policy.duty import load_duty
from schemas.reviews import check_staff
from services.settings import Keys, SettingsError

keys = typer.Typer(help="The secret keys of a deployment.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(keys, name="keys")


@keys.callback()
def _group() -> None:
    """The secret keys of a deployment."""


@keys.command()
def create(folder: Annotated[Path, typer.Argument(help="Where the key files go.")]) -> None:
    """Make the key files that FOLDER lacks; those that exist are kept."""
    made = Keys.create(folder)
    typer.echo(f"{len(made)} made: {', '.join(path.name for path in made) or 'all were there'}")


@keys.command()
def staff(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of the duty rota: it stands in topics, so no name.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Of the key files; else CONFIDE_KEYS.", envvar="CONFIDE_KEYS")
    ] = None,
) -> None:
    """Make the key with which a member of staff signs what they made of a review; one that exists is kept.

    Running workers know it within seconds. To take a key away, remove its file staff/ID.key.
    """
    if folder is None:
        raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files")
    try:
        check_staff(name)
    except Invalid as invalid:
        raise SettingsError(f"ID {invalid.problems[0].reason}") from invalid
    made = Keys.create_staff(folder, name)
    typer.echo("it was there" if made is None else f"made: staff/{made.name}")
    _warn_unless_on_rota(name)


def _warn_unless_on_rota(name: str) -> None:
    """Warn on standard error if the owner of a key is not on the duty rota: what it signs is refused until then."""
    file = os.environ.get("CONFIDE_DUTY")
    rota = f"the duty rota {file}" if file else "the policy's own duty rota (CONFIDE_DUTY is not set)"
    try:
        is_on_rota = load_duty(Path(file) if file else None).named(name) is not None
    except ConfigFileError as error:
        typer.echo(f"confide: it is unknown whether {name} is on the duty rota: {error}", err=True)
        return
    if not is_on_rota:
        typer.echo(f"confide: {name} is not on {rota}, so what this key signs is refused", err=True)
