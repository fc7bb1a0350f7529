"""What a verb says on the terminal: arguments, paths and settings in it are text from outside, and shown escaped."""

import typer

from services.outside_text import legible


def say(text: str) -> None:
    """Print text on standard output."""
    typer.echo(legible(text))


def complain(text: str, *, named: bool = True) -> None:
    """Print text on standard error, as of `confide` or, with `named=False`, as it is."""
    typer.echo(f"{'confide: ' if named else ''}{legible(text)}", err=True)
