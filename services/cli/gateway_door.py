"""Makes the gateway's door from its options, and refuses options that cannot be right."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

from services.cli.messages import complain
from services.credentials import ApiKeys, Tokens
from services.credentials.clients import Clients
from services.credentials.key_source import KeySource
from services.gateway.door import CredentialDoor, Door
from services.gateway.hosts import AllowedHosts, names_of, normal
from services.settings import SettingsError

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_NO_CREDENTIALS = (
    "CONFIDE_CREDENTIALS is not set: name the folder of the services' API keys (`confide keys service` makes one), set "
    "the --token options, or ask for no credential on this machine alone by --open"
)


class TokenSettings(NamedTuple):
    """The settings of access tokens: all of them or none."""

    issuer: str | None
    audience: str | None
    keys: str | None
    clients: Path | None

    def missing(self) -> list[str]:
        """Return the options that are not set."""
        return [f"--token-{name}" for name, value in self._asdict().items() if not value]


def credential_door(
    folder: Path | None, tokens: TokenSettings, hosts: AllowedHosts
) -> tuple[Door, AbstractContextManager[object]]:
    """Return a door for API keys, access tokens or both, and the context in which the keys of tokens are read.

    Raises `SettingsError` for settings that are missing or wrong.
    """
    keys = None if folder is None else ApiKeys(folder)
    missing = tokens.missing()
    if len(missing) == len(tokens):
        if keys is None:
            raise SettingsError(_NO_CREDENTIALS)
        return CredentialDoor(keys, hosts=hosts), nullcontext()
    if missing:
        raise SettingsError(f"the --token options go together; not set: {', '.join(missing)}")
    clients = Clients(tokens.clients or Path())
    source = KeySource.of(tokens.keys or "")
    return CredentialDoor(keys, Tokens(tokens.issuer or "", tokens.audience or "", source, clients), hosts), source


def allowed_hosts(address: str, names: Iterable[str], certificate: Path | None, *, behind_proxy: bool) -> AllowedHosts:
    """Return the names by which the gateway may be called.

    Raises `SettingsError` if no name is known by which another machine could call: each disclosure would be refused.
    """
    certified = [] if certificate is None else names_of(certificate)
    named = [*names, *certified]
    if not named and address in _EVERY_ADDRESS:
        raise SettingsError(
            f"--host {address} needs --allow-host (or CONFIDE_GATEWAY_HOSTS) with the name by which the services call "
            "it: a request to another name is refused"
        )
    if not named and behind_proxy:
        complain("without --allow-host a request with the proxy's public name as Host is refused")
    return AllowedHosts([*map(normal, names), *certified, address])
