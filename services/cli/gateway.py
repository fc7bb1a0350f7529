"""`confide gateway`: accepts disclosures over HTTP."""

from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from services.cli.environment import settings as find_settings
from services.gateway.server import run
from services.settings import SettingsError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(gateway)


def gateway(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 for a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
) -> None:
    """Take disclosures at POST /v1/disclosures until stopped; the port is printed once it answers."""
    settings = find_settings()
    configure("gateway")
    try:
        run(host, port, bootstrap=settings.bootstrap)
    except OSError as error:
        raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
    finally:
        shutdown()
