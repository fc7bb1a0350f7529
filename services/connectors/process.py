"""Process of one agency's connector."""

import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from schemas import topics
from schemas.agencies import AGENCIES, connector_client, connector_group
from schemas.vocabulary import Agency, PeerKind
from services.agency_profiles import AGENCY_PROFILES
from services.alarm.alarm_writer import AlarmWriter
from services.alarm.lane_alarms import BreakerAlarm, LaneAlarms
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyClient
from services.connectors.composer import Composer
from services.connectors.connector import Connector
from services.connectors.endpoint import Endpoint
from services.connectors.keyring import TopicKeyring
from services.settings import Keys, SettingsError
from streams.domain.delivery import RETRY_POLICIES, RetryPolicy
from streams.runtime import Clock, LaneContext, LaneEvent, LaneGroup, run_worker


def run(  # noqa: PLR0913 - by keyword, and most have a default
    agency: Agency,
    url: str,
    *,
    bootstrap: str,
    keys: Keys,
    policy: RetryPolicy | None = None,
    kind: PeerKind = PeerKind.LIVE,
    slot: str | None = None,
    opened: Callable[[], None] | None = None,
    accepted: Collection[str] = (),
) -> int:
    """Send the reports of `agency` to its server at `url` until SIGTERM; return the exit status.

    `kind`: a live connector sends no report of an exercise.
    `slot` is a name of this process that stays the same over restarts. `opened` is called when the lanes are open.
    `accepted` are refused lanes that must begin at the start of their logs. Raises `SettingsError` if `url` is not the
    address of a server.
    """
    _check(url)
    policy = policy or RETRY_POLICIES[agency]
    # Created once, in the event loop; all lanes share it. An endpoint is one URL.
    attempts: list[Attempts] = []
    name = AGENCIES[agency].connector
    application = connector_group(agency)
    writer = AlarmWriter(bootstrap)
    clock = Clock()
    breaker = BreakerAlarm(writer, agency, clock.now)
    lanes = LaneAlarms(writer, application, clock.now)
    keyring = TopicKeyring(bootstrap, keys.master, lanes.on_event)
    composer = Composer(keyring, AGENCY_PROFILES[agency].project)

    @asynccontextmanager
    async def client() -> AsyncIterator[AgencyClient]:
        async with AgencyClient(url, policy.attempt_timeout) as made:
            endpoint = Endpoint(agency, policy, on_change=breaker.changed, on_first_taken=lambda: breaker.changed(None))
            attempts.append(Attempts(agency, composer, made, endpoint))
            yield made

    def agent(context: LaneContext) -> Connector:
        return Connector(
            agency, composer, attempts[-1], policy, jitter=random.random, partition=context.partition, kind=kind
        )

    def on_lane(event: LaneEvent) -> None:
        lanes.on_event(event)
        breaker.on_event(event)

    group = LaneGroup(name=name, sources=(AGENCIES[agency].reports,), agent=agent, changelog=topics.changelog(name))
    return run_worker(
        application,
        [group],
        bootstrap=bootstrap,
        background=[writer.running, breaker.repeating, keyring.following, client],
        instance=slot and f"{application}-{slot}",
        client=connector_client(agency, kind),
        opened=opened,
        accepted=accepted,
        on_lane=on_lane,
        clock=clock,
    )


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("the agency's address must be a URL such as http://localhost:8999")
