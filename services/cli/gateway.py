"""`confide gateway`: accepts disclosures over HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from services.cli.environment import settings as find_settings
from services.credentials import ApiKeys
from services.gateway.door import CredentialDoor, Door, OpenDoor
from services.gateway.server import run
from services.http_server import Tls
from services.settings import SettingsError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(gateway)


def gateway(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 for a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    open_: Annotated[bool, typer.Option("--open", help="Ask for no credential; on this machine alone.")] = False,
    certificate: Annotated[Path | None, typer.Option(help="Of TLS, with its chain (PEM).")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="Of the certificate (PEM).")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front of it ends TLS.")] = False,
) -> None:
    """Take disclosures at POST /v1/disclosures until stopped; the port is printed once it answers.

    Each request needs the API key of a service: `confide keys service` makes one, CONFIDE_CREDENTIALS names its folder.
    """
    if open_ and host not in _LOOPBACK:
        raise SettingsError(f"--open is for this machine alone; --host allowed with it: {', '.join(_LOOPBACK)}")
    if open_ and behind_proxy:
        raise SettingsError("--open is for this machine alone: a proxy would open it to others")
    tls = _tls(certificate, certificate_key)
    if tls is None and not behind_proxy and host not in _LOOPBACK:
        raise SettingsError(f"--host {host} needs --certificate and --certificate-key, or --behind-proxy")
    door = OpenDoor() if open_ else _door()
    settings = find_settings()
    configure("gateway")
    try:
        run(host, port, bootstrap=settings.bootstrap, door=door, tls=tls)
    except OSError as error:
        raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
    finally:
        shutdown()


def _door() -> Door:
    folder = os.environ.get("CONFIDE_CREDENTIALS")
    if not folder:
        raise SettingsError(
            "CONFIDE_CREDENTIALS is not set: name the folder of the services' API keys (`confide keys service` makes "
            "one), or ask for none on this machine alone by --open"
        )
    return CredentialDoor(ApiKeys(Path(folder)))


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("--certificate and --certificate-key go together")
    for path in (certificate, key):
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such file")
    return Tls(certificate, key)
