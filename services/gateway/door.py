"""Who may pass the gateway: a service with its credential, or on this machine alone anybody (`--open`).

A browser sends a form to any address that a page names, and its request has no credential. At an open door such a
request must not pass either: it is known by its headers.
"""

from collections.abc import Mapping
from typing import Protocol

import structlog

from services.credentials import (
    ApiKeys,
    Caller,
    CredentialError,
    MissingCredential,
    Tokens,
    WrongCredential,
    is_token,
)
from services.gateway.hosts import AllowedHosts, WrongHost

_BEARER = "bearer "
#: Values of `Sec-Fetch-Site` of a request that no other site caused.
_OWN_SITES = frozenset({"none", "same-origin"})

_log = structlog.get_logger("confide.gateway")


class Door(Protocol):
    """Decides who calls."""

    async def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller, None if nobody has to prove a service here.

        Raises `WrongHost` for a request to another host, and `CredentialError` for any other that may not pass.
        """


class CredentialDoor:
    """The door of a deployment: each request has the API key or access token of a service, as `Bearer`."""

    def __init__(self, keys: ApiKeys | None, tokens: Tokens | None = None, hosts: AllowedHosts | None = None) -> None:
        self._keys = keys
        self._tokens = tokens
        self._hosts = hosts or AllowedHosts()
        self._is_host_logged = False

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return the service whose credential the request has.

        With a right credential any `Host` passes: an emergency is not sent back for a header's sake.
        """
        try:
            caller = await self._proven(headers)
        except (MissingCredential, WrongCredential):
            self._hosts.check(headers.get("host"))
            raise
        self._note_host(headers)
        return caller

    async def _proven(self, headers: Mapping[str, str]) -> Caller:
        given = headers.get("authorization", "")
        if not given.lower().startswith(_BEARER):
            raise MissingCredential("needs the header Authorization: Bearer, with an API key or an access token")
        text = given[len(_BEARER) :].strip()
        if self._tokens is not None and is_token(text):
            return await self._tokens.caller(text)
        if self._keys is None:
            raise WrongCredential("the credential is not known here, or has expired")
        return self._keys.caller(text)

    def _note_host(self, headers: Mapping[str, str]) -> None:
        try:
            self._hosts.check(headers.get("host"))
        except WrongHost:
            if not self._is_host_logged:
                # Once, for the operator: a service calls by a name that was forgotten.
                self._is_host_logged = True
                _log.warning("a service calls by another host than those allowed; --allow-host allows a name")


class OpenDoor:
    """The door without credentials, for one machine: refuses what a web page in a browser has sent."""

    def __init__(self) -> None:
        self._hosts = AllowedHosts()

    async def caller(self, headers: Mapping[str, str]) -> None:
        """Return None; raise `CredentialError` for a request of a browser, or to another name than this machine's."""
        try:
            self._hosts.check(headers.get("host", ""))
        except WrongHost:
            raise CredentialError("an open door takes requests to 127.0.0.1, localhost or [::1] alone") from None
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            raise CredentialError("an open door takes no request of a web page")
