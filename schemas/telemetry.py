"""Names of spans, attributes and metrics. No value of them may identify a person."""

from enum import StrEnum


class Span(StrEnum):
    """Names of spans, in the order of a disclosure's steps."""

    GATEWAY = "POST /v1/disclosures"
    PUBLISH = "disclosures publish"
    BATCH = "batch"
    PROCESS = "process"
    AGENCY_ATTEMPT = "agency attempt"
    AGENCY_RECEIVE = "agency receive"
    NOTICE_TELL = "notice tell"
    REVIEW_ANSWER = "review answer"


class Attribute(StrEnum):
    """Names of span and metric attributes."""

    LANE_GROUP = "confide.lane.group"
    PARTITION = "confide.lane.partition"
    TOPIC = "messaging.destination.name"
    BATCH_SIZE = "messaging.batch.message_count"
    REJECTED = "confide.rejected.count"
    OUTPUTS = "confide.outputs.count"
    AGENCY = "confide.agency"
    ATTEMPT = "confide.attempt"
    REPORT_ID = "confide.report_id"
    NOTIFICATION_ID = "confide.notification_id"
    DELIVERY_STATE = "confide.delivery.state"
    REVIEW_ID = "confide.review_id"
    REVIEW_REASON = "confide.review.reason"
    #: The decision of a trained person, or `late` if the review was settled before.
    REVIEW_DECISION = "confide.review.decision"
    #: Kind of a file of the staff directory: `rota`, `staff_key`, `staff_folder` or `fixed_key`.
    STAFF_FILE = "confide.staff.file"
    HTTP_STATUS = "http.response.status_code"
    ERROR = "error.type"


class Metric(StrEnum):
    """Names of metrics: counters first, then the measurements of a process's lanes."""

    REJECTED = "confide.rejected"
    PROCESSED = "confide.processed"
    #: Disclosures that arrived again with the same id and content, and changed nothing.
    REPEATED = "confide.disclosures.repeated"
    #: Disclosures that were in another partition than that of their id, and were moved there.
    MOVED = "confide.disclosures.moved"
    #: Records that made every turn fail that contained them, and were rejected for it.
    ISOLATED = "confide.isolated"
    #: Records of followed topics that could not be read and were skipped.
    FOLLOWER_PASSED_OVER = "confide.follower.passed_over"
    ATTEMPTS = "confide.delivery.attempts"
    #: Undocumented exceptions of the HTTP library, by class.
    CLIENT_ERRORS = "confide.delivery.client_errors"
    #: Endpoints of agencies with an open breaker: only probes go out.
    BREAKERS_OPEN = "confide.delivery.breakers_open"
    #: Records, timers, effects and state entries that a connector cannot process and hands to a human.
    HANDED_OVER = "confide.delivery.handed_over"
    NOTICES = "confide.notices"
    #: Missed deadlines of reviews; after each one the next person on duty is asked.
    REVIEWS_ESCALATED = "confide.reviews.escalated"
    #: Outcomes of reviews, including late ones that changed nothing.
    REVIEW_OUTCOMES = "confide.reviews.outcomes"
    #: Changes of the duty rota or of key files that a running worker refused.
    STAFF_FILES_REFUSED = "confide.staff.files_refused"
    #: Calls of the alarm receiver, by `delivered` or the code of the failure.
    ALARM_CALLS = "confide.alarms.calls"
    #: Number of times that the machine's clock was set while a process of lanes ran.
    CLOCK_STEPS = "confide.clock.steps"
    BATCH_SIZE = "confide.turn.records"
    TURN_SECONDS = "confide.turn.duration"
    TRANSACTION_SECONDS = "confide.transaction.duration"
    LAG = "confide.lane.lag"
    #: Bytes fetched and not yet processed.
    WAITING = "confide.lane.waiting"
    OLDEST_AGE = "confide.lane.oldest_age"
    RESTORED = "confide.lane.restore.records"
    RESTORE_LEFT = "confide.lane.restore.left"
    RESTORE_RATE = "confide.lane.restore.rate"
    OPEN = "confide.lane.open"
    #: 1 while a lane refuses to work because its state and its offsets do not match: a human must act.
    REFUSED = "confide.lane.refused"
    ENTRIES = "confide.lane.entries"
    TIMERS = "confide.lane.timers"
