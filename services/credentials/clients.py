"""Which client of the authorization server is which service, as an operator's TOML file says.

    [clients.forum-backend]
    service = "forum"

    [clients.forum-training]
    service = "forum"
    exercise = true

A client that is taken out of the file is refused within LOOK_EVERY seconds.
"""

import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.vocabulary import Service
from services.credentials.caller import Caller, CannotCheck
from services.credentials.outage import Outage
from services.settings import SettingsError
from services.watched_file import WatchedFile

#: Longest time from a change of the file until it counts, in seconds.
LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Client:
    """A client: its service, and whether it sends exercises alone."""

    service: Service
    exercise: bool


def read_clients(path: Path) -> Mapping[str, Client]:
    """Return the clients in a file by id; raise `SettingsError`, which quotes nothing of it, if it is wrong."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"clients {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"clients {path}: is no TOML ({type(error).__name__})") from None
    listed = found.pop("clients", None)
    if not isinstance(listed, dict) or found:
        raise SettingsError(f"clients {path}: takes one table [clients.ID] for each client, and nothing else")
    return {client_id: _client(path, number, each) for number, (client_id, each) in enumerate(listed.items(), 1)}


def _client(path: Path, number: int, found: Any) -> Client:
    where = f"clients {path}: client {number}"
    if not isinstance(found, dict):
        raise SettingsError(f"{where}: needs a table, [clients.ID]")
    if found.keys() - {"service", "exercise"}:
        raise SettingsError(f"{where}: has another field; allowed: service, exercise")
    service, exercise = found.get("service"), found.get("exercise", False)
    if service not in tuple(Service):
        raise SettingsError(f"{where}: service is missing or unknown; allowed: {', '.join(Service)}")
    if not isinstance(exercise, bool):
        raise SettingsError(f"{where}: exercise is no truth value; allowed: true, false")
    return Client(Service(service), exercise)


class Clients:
    """The clients in the file, at most LOOK_EVERY seconds old. Raises `SettingsError` for a wrong file at the start.

    While the file is missing or wrong, the last known clients count for a limited time (`outage.py`).
    """

    def __init__(
        self,
        path: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clients = read_clients(path)
        self._reason = ""
        self._outage = Outage("the file of clients", monotonic=monotonic)
        self._file = WatchedFile(path, read_clients, self._refused)
        self._monotonic, self._now = monotonic, now
        self._looked = monotonic()

    def caller(self, client_id: str) -> Caller | None:
        """Return who calls with this client id, None if the client is not in the file.

        Raises `CannotCheck` for a client that cannot be looked up now.
        """
        asked = self._monotonic()
        if asked - self._looked >= LOOK_EVERY:
            self._looked = asked
            self._clients = self._file.look(self._clients, self._now())
            self._note_outage()
        client = None if self._outage.is_long else self._clients.get(client_id)
        if client is None and self._outage.is_on:
            raise CannotCheck("the credential cannot be checked now; send the same again")
        # The prefix: a client and an API key never share a limit of requests.
        return None if client is None else Caller(client.service, f"client:{client_id}", client.exercise)

    def _note_outage(self) -> None:
        if self._file.is_refused:
            self._outage.failed(self._reason)
        else:
            self._outage.ended()

    def _refused(self, _: Path, error: Exception) -> None:
        # `read_clients` quotes nothing of the file.
        self._reason = str(error) if isinstance(error, SettingsError) else type(error).__name__
