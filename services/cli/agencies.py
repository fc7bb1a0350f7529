"""`confide agencies`: the four simulated agencies."""

from pathlib import Path
from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from schemas.vocabulary import Agency
from services.settings import SettingsError
from services.simulated_agencies.server import run


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(agencies)


def agencies(
    folder: Annotated[Path, typer.Option(help="Where each agency keeps its own log.")],
    port_999: Annotated[int, typer.Option("--port-999", min=0, max=65535, help="0 for a free one.")] = 8999,
    port_101: Annotated[int, typer.Option("--port-101", min=0, max=65535, help="0 for a free one.")] = 8101,
    port_social_worker: Annotated[
        int, typer.Option("--port-social-worker", min=0, max=65535, help="0 for a free one.")
    ] = 8201,
    port_care_team: Annotated[int, typer.Option("--port-care-team", min=0, max=65535, help="0 for a free one.")] = 8202,
    host: Annotated[str, typer.Option(help="The address they listen on.")] = "127.0.0.1",
) -> None:
    """Serve simulated agencies until stopped; the ports are printed as a JSON line once all answer."""
    ports = {
        Agency.EMERGENCY_999: port_999,
        Agency.POLICE_101: port_101,
        Agency.SOCIAL_WORKER: port_social_worker,
        Agency.CARE_TEAM: port_care_team,
    }
    configure("agencies")
    try:
        run(folder, ports, host)
    except OSError as error:
        raise SettingsError(f"the agencies cannot be served: {error.strerror}") from error
    finally:
        shutdown()
