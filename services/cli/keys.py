"""`confide keys create FOLDER`: the secret keys of a deployment."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    keys = typer.Typer(help="The secret keys of a deployment.", no_args_is_help=True)

    @keys.callback()
    def group() -> None:
        """The secret keys of a deployment."""

    @keys.command()
    def create(folder: Annotated[Path, typer.Argument(help="Where the key files go.")]) -> None:
        """Make the key files that FOLDER lacks; those that exist are kept."""
        from services.settings import Keys

        made = Keys.create(folder)
        typer.echo(f"{len(made)} made: {', '.join(path.name for path in made) or 'all were there'}")

    app.add_typer(keys, name="keys")
