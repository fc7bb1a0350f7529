"""`confide gateway`: accepts disclosures over HTTP."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from infra.telemetry import configure, shutdown
from services.cli.environment import settings as find_settings
from services.cli.gateway_door import TokenSettings, allowed_hosts, credential_door
from services.cli.given_options import given
from services.cli.messages import complain
from services.gateway.door import Door, OpenDoor
from services.gateway.server import run
from services.http_server import Tls
from services.settings import SettingsError

#: Options that only a door with credentials uses.
_OF_CREDENTIALS = ("credentials", "token_issuer", "token_audience", "token_keys", "token_clients", "allow_host")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(gateway)


def gateway(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 for a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    open_: Annotated[bool, typer.Option("--open", help="Ask for no credential; on this machine alone.")] = False,
    certificate: Annotated[Path | None, typer.Option(help="Of TLS, with its chain (PEM).")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="Of the certificate (PEM).")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front of it ends TLS.")] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CONFIDE_GATEWAY_HOSTS",
            help="A name by which the services call it, for example that of the proxy; the variable takes several, "
            "with spaces. The names of --host, of the certificate and of loopback are always allowed.",
        ),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(envvar="CONFIDE_CREDENTIALS", help="The folder of the services' API keys."),
    ] = None,
    token_issuer: Annotated[
        str | None,
        typer.Option(envvar="CONFIDE_TOKEN_ISSUER", help="Of access tokens: their `iss`."),
    ] = None,
    token_audience: Annotated[
        str | None,
        typer.Option(envvar="CONFIDE_TOKEN_AUDIENCE", help="Of access tokens: what their `aud` has to name."),
    ] = None,
    token_keys: Annotated[
        str | None,
        typer.Option(envvar="CONFIDE_TOKEN_KEYS", help="The issuer's key set (JWKS): an https URL or a file."),
    ] = None,
    token_clients: Annotated[
        Path | None,
        typer.Option(envvar="CONFIDE_TOKEN_CLIENTS", help="The TOML file that says which client is which service."),
    ] = None,
) -> None:
    """Take disclosures at POST /v1/disclosures until stopped; the port is printed once it answers.

    Each request needs a credential of a service: an API key, which `confide keys service` makes, or an access token of
    OAuth 2.0. The four --token options go together.
    """
    if open_ and host not in _LOOPBACK:
        raise SettingsError(f"--open is for this machine alone; --host allowed with it: {', '.join(_LOOPBACK)}")
    if open_ and behind_proxy:
        raise SettingsError("--open is for this machine alone: a proxy would open it to others")
    if open_:
        _refuse_unused(context)
    tls = _tls(certificate, certificate_key)
    if tls is None and not behind_proxy and host not in _LOOPBACK:
        raise SettingsError(f"--host {host} needs --certificate and --certificate-key, or --behind-proxy")
    door: Door = OpenDoor()
    reading: AbstractContextManager[object] = nullcontext()
    if not open_:
        hosts = allowed_hosts(host, allow_host or (), certificate, behind_proxy=behind_proxy)
        tokens = TokenSettings(token_issuer, token_audience, token_keys, token_clients)
        door, reading = credential_door(credentials, tokens, hosts)
    settings = find_settings()
    configure("gateway")
    try:
        with reading:
            run(host, port, bootstrap=settings.bootstrap, door=door, tls=tls)
    except OSError as error:
        raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
    finally:
        shutdown()


def _refuse_unused(context: typer.Context) -> None:
    """Raise `SettingsError` for an option that an open door would not use.

    A variable may be set for all that runs on this machine: it is only named.
    """
    unused = given(context, _OF_CREDENTIALS)
    if unused.options:
        raise SettingsError(f"--open asks for no credential; not allowed with it: {', '.join(unused.options)}")
    if unused.variables:
        complain(f"--open asks for no credential; not used: {', '.join(unused.variables)}")


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("--certificate and --certificate-key go together")
    for path in (certificate, key):
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such file")
    tls = Tls(certificate, key)
    try:
        tls.context()
    except OSError as error:
        raise SettingsError(f"--certificate and --certificate-key cannot be used: {error.strerror}") from error
    return tls
