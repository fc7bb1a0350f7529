"""The names of the gateway: without a right credential the `Host` of a request has to be one of them.

A web page may have its own name lead to this gateway (DNS rebinding), and a browser then sends what the page says. Such
a request has the page's name as `Host`. The gateway answers 421 (Misdirected Request, RFC 9110, 15.5.20) and not 403:
nothing is wrong with the caller's rights, and the sender learns that it has called by a wrong name.
"""

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from services.settings import SettingsError

#: The names of this machine to itself. A page that has its own name lead here sends that name.
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
#: Addresses on which a server listens on every address of its machine: these are nobody's name.
_EVERY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - compared, not bound
_PORT = re.compile(r":[0-9]*$")
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


class WrongHost(Exception):
    """The request calls the gateway by a name that is not allowed; the message does not quote it."""


class AllowedHosts:
    """The allowed names, without ports; `*.` allows any first label. The names of loopback are always allowed."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset({*LOOPBACK, *map(normal, names)} - _EVERY_ADDRESS)

    def check(self, host: str | None) -> None:
        """Raise `WrongHost` if a request may not call by this name.

        A request without `Host` (HTTP/1.0) passes: a browser always sends it.
        """
        if host is None:
            return
        name = _PORT.sub("", host.strip().lower()).removesuffix(".")
        if name not in self.names and f"*.{name.partition('.')[2]}" not in self.names:
            raise WrongHost("the request is for another host than this gateway")


def normal(name: str) -> str:
    """Return a name as it is compared; raise `SettingsError` if it is no name or address of a host."""
    name = name.strip().lower().removesuffix(".")
    with contextlib.suppress(ValueError):  # it is no IPv6 address
        name = f"[{ipaddress.IPv6Address(name)}]"
    if not _NAME.fullmatch(name):
        raise SettingsError("--allow-host takes names of hosts without a port, for example disclosures.example.org")
    return name


def names_of(certificate: Path) -> list[str]:
    """Return the names and addresses that a server's certificate is for; raise `SettingsError` if it is none."""
    try:
        first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        found = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except OSError as error:
        raise SettingsError(f"--certificate {certificate}: {error.strerror}") from error
    except (ValueError, IndexError):
        raise SettingsError(f"--certificate {certificate}: is no certificate in PEM") from None
    addresses = found.get_values_for_type(x509.IPAddress)
    return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]
