"""The life of a report at its agency: one table of states, one of answers, and how long is tried for whom.

    queued → sent → received → acknowledged → outcome known
      └───────┴────────┴→ failed: handed to a human
                            └→ failed (tried on) → received → acknowledged

Time and jitter come in as arguments; the connectors carry out what is said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from schemas.vocabulary import Agency, DeliveryState


class DeliveryEvent(StrEnum):
    """What can happen to a report on its way."""

    ATTEMPTED = "attempted"
    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    OUTCOME_TOLD = "outcome_told"
    GIVEN_UP = "given_up"


_S, _E = DeliveryState, DeliveryEvent

#: Everything that may happen to a report; what is not here may not. An attempt may follow an attempt: a resend. A
#: report that was handed over may be tried on, and the agency may yet acknowledge it: it has the report then.
TRANSITIONS: Mapping[tuple[DeliveryState, DeliveryEvent], DeliveryState] = MappingProxyType(
    {
        (_S.QUEUED, _E.ATTEMPTED): _S.SENT,
        (_S.QUEUED, _E.GIVEN_UP): _S.FAILED,
        (_S.SENT, _E.ATTEMPTED): _S.SENT,
        (_S.SENT, _E.RECEIVED): _S.RECEIVED,
        (_S.SENT, _E.GIVEN_UP): _S.FAILED,
        (_S.RECEIVED, _E.ACKNOWLEDGED): _S.ACKNOWLEDGED,
        (_S.RECEIVED, _E.GIVEN_UP): _S.FAILED,
        (_S.FAILED, _E.ATTEMPTED): _S.FAILED,
        (_S.FAILED, _E.RECEIVED): _S.RECEIVED,
        (_S.FAILED, _E.GIVEN_UP): _S.FAILED,
        (_S.ACKNOWLEDGED, _E.OUTCOME_TOLD): _S.OUTCOME_KNOWN,
    }
)


class ImpossibleStepError(Exception):
    """An event that a report in this state cannot have; a defect of the caller, never to be retried."""

    def __init__(self, state: DeliveryState, event: DeliveryEvent) -> None:
        self.state = state
        self.event = event
        super().__init__(f"a report that is {state} cannot be {event}")


def advance(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """Return the state after `event`; raise `ImpossibleStepError` where the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleStepError(state, event) from None


class Failure(StrEnum):
    """How an attempt can end without an answer that counts."""

    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    #: An answer that says it was accepted and has no reference in it.
    NO_REFERENCE = "no_reference"
    #: The HTTP library raised an exception that it does not document.
    CLIENT_ERROR = "client_error"


class Reading(StrEnum):
    """What an answer means for the report."""

    ACKNOWLEDGED = "acknowledged"
    #: Send again, with the same idempotency key.
    RETRY = "retry"
    #: The agency does not accept who we are: the deployment's fault, so nothing is given up for it.
    DENIED = "denied"
    #: Sending again cannot help: to a human.
    FAIL = "fail"


_R = Reading

#: What each HTTP status of an agency means (RFC 9110). 200 is a report it had already, 409 another report under our id.
STATUS_READINGS: Mapping[int, Reading] = MappingProxyType(
    {
        200: _R.ACKNOWLEDGED,
        201: _R.ACKNOWLEDGED,
        400: _R.FAIL,
        401: _R.DENIED,
        403: _R.DENIED,
        404: _R.FAIL,
        405: _R.FAIL,
        406: _R.FAIL,
        408: _R.RETRY,
        409: _R.FAIL,
        410: _R.FAIL,
        413: _R.FAIL,
        415: _R.FAIL,
        422: _R.FAIL,
        425: _R.RETRY,
        429: _R.RETRY,
        500: _R.RETRY,
        502: _R.RETRY,
        503: _R.RETRY,
        504: _R.RETRY,
    }
)

#: What it means to have no answer. A resend is safe: the agency recognises the idempotency key.
FAILURE_READINGS: Mapping[Failure, Reading] = MappingProxyType(
    {
        Failure.NO_CONNECTION: _R.RETRY,
        Failure.TIMEOUT: _R.RETRY,
        Failure.CONNECTION_LOST: _R.RETRY,
        Failure.NO_REFERENCE: _R.RETRY,
        Failure.CLIENT_ERROR: _R.RETRY,
    }
)

#: Failures in which the agency did not answer at all: many in a row open the breaker of its endpoint. A client error is
#: our own, and tells nothing of the endpoint.
UNANSWERED = frozenset({Failure.NO_CONNECTION, Failure.TIMEOUT, Failure.CONNECTION_LOST})

#: Reasons for which an attempt failed that leave no doubt that the agency does not have the report. 409 says that it
#: has another one under this id, so that is no such reason.
NOT_TAKEN = frozenset(
    {
        Failure.NO_CONNECTION.value,
        *(
            f"status_{status}"
            for status, reading in STATUS_READINGS.items()
            if reading in (_R.FAIL, _R.DENIED) and status != 409
        ),
    }
)

#: The reason given for a status that the table does not know.
UNKNOWN_STATUS = "unknown_status"
#: The reason given when the agency's time limit has passed.
LIMIT_PASSED = "limit_passed"


def read_answer(answer: int | Failure) -> tuple[Reading, str | None]:
    """Return what an answer means and a code for the reason, None where it was acknowledged.

    A status that no row names is a failure for a human: it is neither taken for success nor sent again.
    """
    if isinstance(answer, Failure):
        return FAILURE_READINGS[answer], answer.value
    reading = STATUS_READINGS.get(answer)
    if reading is None:
        return Reading.FAIL, f"{UNKNOWN_STATUS}_{answer}"
    return reading, None if reading is Reading.ACKNOWLEDGED else f"status_{answer}"


def is_tried_on(agency: Agency, failure: str) -> bool:
    """Return whether a report that failed for that reason is tried on while a human has it."""
    denied = {f"status_{status}" for status, reading in STATUS_READINGS.items() if reading is Reading.DENIED}
    return bool(RETRY_POLICIES[agency].tries_on) and (failure.startswith(LIMIT_PASSED) or failure in denied)


def limit_reason(last_reason: str | None) -> str:
    """Return the reason for which a report is failed at its limit: with that of its last attempt, None without one."""
    return LIMIT_PASSED if last_reason is None else f"{LIMIT_PASSED}_after_{last_reason}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often an agency is tried."""

    #: Counted from the report's `reported_at`; when it has passed a human is called.
    limit: timedelta
    #: How long one attempt may take.
    attempt_timeout: timedelta
    #: The wait after the first failed attempt; doubled after each further one, never more than `longest_wait`.
    first_wait: timedelta
    longest_wait: timedelta
    #: The longest wait between two probes of an endpoint whose breaker is open; the first wait is `first_wait`.
    longest_probe_wait: timedelta
    #: For how long after its limit a report is tried on, although a human has it.
    tries_on: timedelta = timedelta(0)
    #: The longest wait between two attempts of that time; None: `longest_wait`. Each attempt is a record that is kept.
    longest_wait_behind: timedelta | None = None

    def limit_at(self, reported_at: datetime) -> datetime:
        """Return when a report that is not acknowledged is handed to a human."""
        return reported_at + self.limit

    def ends_at(self, reported_at: datetime) -> datetime:
        """Return from when on no further attempt of a report begins; never before its limit."""
        return self.limit_at(reported_at) + self.tries_on

    def wait(self, attempt: int, jitter: float, *, handed_over: bool = False) -> timedelta:
        """Return how long to wait after attempt `attempt` (from 1); `jitter` in [0, 1) spreads it over a half.

        `handed_over`: a human has the report, and it is tried on.
        """
        longest = self.longest_wait if not handed_over else self.longest_wait_behind or self.longest_wait
        return min(self._doubled(attempt), longest) * (0.5 + jitter / 2)

    def next_attempt(self, now: datetime, attempt: int, jitter: float, *, handed_over: bool = False) -> datetime:
        """Return when to try again after `attempt` failed; the report's limit may come before."""
        return now + self.wait(attempt, jitter, handed_over=handed_over)

    def probe_wait(self, failed: int) -> timedelta:
        """Return how long to wait for the next probe after `failed` probes failed (0: the breaker has just opened)."""
        return min(self._doubled(failed + 1), self.longest_probe_wait)

    def _doubled(self, times: int) -> timedelta:
        # Capped: beyond this every policy is at its longest wait, and a timedelta has an end.
        return self.first_wait * (1 << min(times - 1, 32))


#: 999 gets a human after a minute and is tried on for a day: told twice beats untold. The others answer within hours,
#: and their waits are longer.
RETRY_POLICIES: Mapping[Agency, RetryPolicy] = MappingProxyType(
    {
        Agency.EMERGENCY_999: RetryPolicy(
            limit=timedelta(seconds=60),
            attempt_timeout=timedelta(seconds=5),
            first_wait=timedelta(milliseconds=500),
            longest_wait=timedelta(seconds=8),
            longest_probe_wait=timedelta(seconds=5),
            tries_on=timedelta(hours=24),
            longest_wait_behind=timedelta(minutes=1),
        ),
        Agency.POLICE_101: RetryPolicy(
            limit=timedelta(hours=2),
            attempt_timeout=timedelta(seconds=15),
            first_wait=timedelta(seconds=1),
            longest_wait=timedelta(minutes=5),
            longest_probe_wait=timedelta(seconds=30),
        ),
        Agency.SOCIAL_WORKER: RetryPolicy(
            limit=timedelta(hours=8),
            attempt_timeout=timedelta(seconds=15),
            first_wait=timedelta(seconds=1),
            longest_wait=timedelta(minutes=15),
            longest_probe_wait=timedelta(minutes=1),
        ),
        Agency.CARE_TEAM: RetryPolicy(
            limit=timedelta(hours=8),
            attempt_timeout=timedelta(seconds=15),
            first_wait=timedelta(seconds=1),
            longest_wait=timedelta(minutes=15),
            longest_probe_wait=timedelta(minutes=1),
        ),
    }
)
