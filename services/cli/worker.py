"""`confide worker`: ADMIT, IDENTITY and DECIDE."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def worker(
        slot: Annotated[
            str | None,
            typer.Option(help="A name of this worker's own that stays over restarts; a quick one then moves no work."),
        ] = None,
    ) -> None:
        """Admit, resolve and decide disclosures until stopped. Start it again to add workers."""
        from infra.telemetry import configure, shutdown
        from schemas.policy import load_policy
        from services.cli.ready import ready
        from services.cli.surroundings import settings_with_kafka
        from streams.app import APPLICATION, IdentityLinks, WorkerKeys, following, lane_groups
        from streams.runtime import run_worker

        settings = settings_with_kafka()
        keys = settings.keys()
        configure("worker")
        links = IdentityLinks()
        groups = lane_groups(WorkerKeys(keys.master, keys.token, keys.token_version), load_policy(), links)
        status = run_worker(
            APPLICATION,
            groups,
            bootstrap=settings.bootstrap,
            background=(following(settings.bootstrap, links),),
            instance=slot and f"{APPLICATION}-{slot}",
            opened=ready("worker"),
        )
        shutdown()
        raise typer.Exit(status)
