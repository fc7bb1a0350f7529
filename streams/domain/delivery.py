"""The life of a report at its agency: a table of its states, one of the agency's responses, one of retries.

    queued → sent → received → acknowledged → outcome known
      └───────┴────────┴→ failed: handed over to a human
                            └→ failed (still tried) → received → acknowledged

Time and jitter are arguments. The connectors act by these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from schemas.vocabulary import Agency, DeliveryState


class DeliveryEvent(StrEnum):
    """What can happen to a report that is being delivered."""

    ATTEMPTED = "attempted"
    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    OUTCOME_TOLD = "outcome_told"
    GIVEN_UP = "given_up"


_S, _E = DeliveryState, DeliveryEvent

#: Every step that a report may take; no other is possible. An attempt after an attempt is a resend. A report that was
#: handed over to a human may still be tried, and the agency may acknowledge it: it has the report then.
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
    """An event that is impossible in the state of the report; a defect of the caller, so never retried."""

    def __init__(self, state: DeliveryState, event: DeliveryEvent) -> None:
        self.state = state
        self.event = event
        super().__init__(f"a report that is {state} cannot be {event}")


def advance(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """Return the state after `event`; raise `ImpossibleStepError` if the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleStepError(state, event) from None


class Failure(StrEnum):
    """How an attempt can end without a valid response of the agency."""

    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    #: The response accepts the report and has no reference.
    NO_REFERENCE = "no_reference"
    #: The HTTP library raised an exception that it does not document.
    CLIENT_ERROR = "client_error"


class Meaning(StrEnum):
    """What a response means for the report."""

    ACKNOWLEDGED = "acknowledged"
    #: Send again, with the same idempotency key.
    RETRY = "retry"
    #: The agency does not accept our credentials. That is a fault of the deployment, so no report is given up for it.
    DENIED = "denied"
    #: Sending again cannot help, so a human takes over.
    FAIL = "fail"


_M = Meaning

#: What each HTTP status of an agency means (RFC 9110). 200: it had the report already. 409: another report has our id.
STATUS_MEANINGS: Mapping[int, Meaning] = MappingProxyType(
    {
        200: _M.ACKNOWLEDGED,
        201: _M.ACKNOWLEDGED,
        400: _M.FAIL,
        401: _M.DENIED,
        403: _M.DENIED,
        404: _M.FAIL,
        405: _M.FAIL,
        406: _M.FAIL,
        408: _M.RETRY,
        409: _M.FAIL,
        410: _M.FAIL,
        413: _M.FAIL,
        415: _M.FAIL,
        422: _M.FAIL,
        425: _M.RETRY,
        429: _M.RETRY,
        500: _M.RETRY,
        502: _M.RETRY,
        503: _M.RETRY,
        504: _M.RETRY,
    }
)

#: What a missing response means. A resend is safe: the agency recognises the idempotency key.
FAILURE_MEANINGS: Mapping[Failure, Meaning] = MappingProxyType(
    {
        Failure.NO_CONNECTION: _M.RETRY,
        Failure.TIMEOUT: _M.RETRY,
        Failure.CONNECTION_LOST: _M.RETRY,
        Failure.NO_REFERENCE: _M.RETRY,
        Failure.CLIENT_ERROR: _M.RETRY,
    }
)

#: Failures without any response: many in a row open the breaker of the endpoint. A client error is our own and does not
#: count against the endpoint.
UNANSWERED = frozenset({Failure.NO_CONNECTION, Failure.TIMEOUT, Failure.CONNECTION_LOST})

#: The failures after which the agency certainly does not have the report. Not 409: the agency has some report with this
#: id.
NOT_TAKEN = frozenset(
    {
        Failure.NO_CONNECTION.value,
        *(
            f"status_{status}"
            for status, meaning in STATUS_MEANINGS.items()
            if meaning in (_M.FAIL, _M.DENIED) and status != 409
        ),
    }
)

#: The reason for a status that the table does not have.
UNKNOWN_STATUS = "unknown_status"
#: The reason when the agency's time limit has passed.
LIMIT_PASSED = "limit_passed"


def read_answer(answer: int | Failure) -> tuple[Meaning, str | None]:
    """Return what a response means, and a code for the reason; None if it acknowledges the report.

    A status without a row fails the report and calls a human: it counts neither as success nor as a reason to resend.
    """
    if isinstance(answer, Failure):
        return FAILURE_MEANINGS[answer], answer.value
    meaning = STATUS_MEANINGS.get(answer)
    if meaning is None:
        return Meaning.FAIL, f"{UNKNOWN_STATUS}_{answer}"
    return meaning, None if meaning is Meaning.ACKNOWLEDGED else f"status_{answer}"


def is_tried_on(agency: Agency, failure: str) -> bool:
    """Return whether a report that failed for this reason is still tried while a human has it."""
    denied = {f"status_{status}" for status, meaning in STATUS_MEANINGS.items() if meaning is Meaning.DENIED}
    return bool(RETRY_POLICIES[agency].tries_on) and (failure.startswith(LIMIT_PASSED) or failure in denied)


def limit_reason(last_reason: str | None) -> str:
    """Return the reason of a report that fails at its limit; it names the failure of the last attempt, if any."""
    return LIMIT_PASSED if last_reason is None else f"{LIMIT_PASSED}_after_{last_reason}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often a report to one agency is tried."""

    #: Counted from when the broker stamped the record of this sending of the report. A human takes over when it has
    #: passed. The number of attempts has no limit.
    limit: timedelta
    #: How long one attempt may take.
    attempt_timeout: timedelta
    #: The wait after the first failed attempt; doubled after each further one, never more than `longest_wait`.
    first_wait: timedelta
    longest_wait: timedelta
    #: The longest wait between two probes of an endpoint whose breaker is open; the first wait is `first_wait`.
    longest_probe_wait: timedelta
    #: How long after its limit a report is still tried, although a human has it.
    tries_on: timedelta = timedelta(0)
    #: The longest wait between two attempts after the limit; None: `longest_wait`. It is longer because every attempt
    #: leaves a record.
    longest_wait_after_limit: timedelta | None = None

    def limit_at(self, reported_at: datetime) -> datetime:
        """Return when a report that is not acknowledged is handed over to a human."""
        return reported_at + self.limit

    def ends_at(self, reported_at: datetime) -> datetime:
        """Return when the last attempt of a report may begin; never before its limit."""
        return self.limit_at(reported_at) + self.tries_on

    def wait(self, attempt: int, jitter: float, *, handed_over: bool = False) -> timedelta:
        """Return how long to wait after attempt number `attempt` (from 1).

        `jitter` in [0, 1) puts the wait between half of the full wait and all of it. `handed_over`: a human has the
        report, and it is still tried.
        """
        longest = self.longest_wait if not handed_over else self.longest_wait_after_limit or self.longest_wait
        return min(self._doubled(attempt), longest) * (0.5 + jitter / 2)

    def next_attempt(self, now: datetime, attempt: int, jitter: float, *, handed_over: bool = False) -> datetime:
        """Return when to try again after attempt number `attempt` failed; the report's limit may be earlier."""
        return now + self.wait(attempt, jitter, handed_over=handed_over)

    def probe_wait(self, failed: int) -> timedelta:
        """Return how long to wait for the next probe, after `failed` failed probes (0: the breaker has just opened)."""
        return min(self._doubled(failed + 1), self.longest_probe_wait)

    def _doubled(self, times: int) -> timedelta:
        # Capped at 2^32: every policy is at its longest wait long before, and a timedelta would overflow.
        return self.first_wait * (1 << min(times - 1, 32))


#: A report to 999 goes to a human after a minute and is still tried for a day: two reports to 999 are better than none.
#: The others respond within hours, so their waits are longer.
RETRY_POLICIES: Mapping[Agency, RetryPolicy] = MappingProxyType(
    {
        Agency.EMERGENCY_999: RetryPolicy(
            limit=timedelta(seconds=60),
            attempt_timeout=timedelta(seconds=5),
            first_wait=timedelta(milliseconds=500),
            longest_wait=timedelta(seconds=8),
            longest_probe_wait=timedelta(seconds=5),
            tries_on=timedelta(hours=24),
            longest_wait_after_limit=timedelta(minutes=1),
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
