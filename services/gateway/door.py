"""Who may pass the gateway: a service with its credential, or on this machine alone anybody (`--open`).

A browser sends a form to any address that a page names, and its request has no credential. At an open door such a
request must not pass either: it is known by its headers.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from services.credentials import ApiKeys, Caller, CredentialError, MissingCredential, WrongCredential

_BEARER = "bearer "
_PORT = re.compile(r":[0-9]*$")
#: The names of this machine to itself. A page that has its own name lead here (DNS rebinding) sends that name.
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: Values of `Sec-Fetch-Site` of a request that no other site caused.
_OWN_SITES = frozenset({"none", "same-origin"})


class Door(Protocol):
    """Decides who calls."""

    def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller, None if nobody has to prove a service here; raise `CredentialError` for any other."""


class CredentialDoor:
    """The door of a deployment: each request has the API key of a service, as `Authorization: Bearer KEY`."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return the service whose key the request has."""
        given = headers.get("authorization", "")
        if not given:
            raise MissingCredential("needs the header Authorization: Bearer KEY")
        if not given.lower().startswith(_BEARER):
            raise WrongCredential("the header Authorization takes: Bearer KEY")
        return self._keys.caller(given[len(_BEARER) :].strip())


class OpenDoor:
    """The door without credentials, for one machine: refuses what a web page in a browser has sent."""

    def caller(self, headers: Mapping[str, str]) -> None:
        """Return None; raise `CredentialError` for a request of a browser, or to another name than this machine's."""
        if _PORT.sub("", headers.get("host", "").lower()) not in _LOOPBACK:
            raise CredentialError("an open door takes requests to 127.0.0.1, localhost or [::1] alone")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            raise CredentialError("an open door takes no request of a web page")
