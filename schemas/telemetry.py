"""Names of spans, attributes and metrics; nothing that identifies a person may be a value of any of them."""

from enum import StrEnum


class Span(StrEnum):
    """Names of spans, in the order a disclosure meets them."""

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
    #: What a trained person decided, or `late` where another had settled the review before.
    REVIEW_DECISION = "confide.review.decision"
    #: Which kind of file of the staff directory: `rota`, `staff_key`, `staff_folder` or `fixed_key`.
    STAFF_FILE = "confide.staff.file"
    HTTP_STATUS = "http.response.status_code"
    ERROR = "error.type"


class Metric(StrEnum):
    """Names of metrics: counters first, then what the lanes of a process measure."""

    REJECTED = "confide.rejected"
    PROCESSED = "confide.processed"
    #: Disclosures that came again under the same id with the same content, and changed nothing.
    REPEATED = "confide.disclosures.repeated"
    #: Disclosures that lay in another partition than their id's, and were moved there.
    MOVED = "confide.disclosures.moved"
    #: Records that ended every turn they were in, and were rejected for it.
    ISOLATED = "confide.isolated"
    #: Records of followed topics that could not be read and were passed over.
    FOLLOWER_PASSED_OVER = "confide.follower.passed_over"
    ATTEMPTS = "confide.delivery.attempts"
    #: Exceptions of the HTTP library that it does not document, by class.
    CLIENT_ERRORS = "confide.delivery.client_errors"
    #: Endpoints of agencies whose breaker is open: nothing but probes goes out.
    BREAKERS_OPEN = "confide.delivery.breakers_open"
    #: Records, timers, effects and state entries that a connector cannot carry out and hands to a human.
    HANDED_OVER = "confide.delivery.handed_over"
    NOTICES = "confide.notices"
    #: Deadlines of reviews that nobody met, each of which asked the next person on duty.
    REVIEWS_ESCALATED = "confide.reviews.escalated"
    #: What trained persons made of reviews, late outcomes that changed nothing among them.
    REVIEW_OUTCOMES = "confide.reviews.outcomes"
    #: Changes of the duty rota or of key files that a running worker did not take over.
    STAFF_FILES_REFUSED = "confide.staff.files_refused"
    #: Calls of the alarm's receiver, by `delivered` or the code of why it was not.
    ALARM_CALLS = "confide.alarms.calls"
    #: How often the machine's clock was set while a process of lanes ran.
    CLOCK_STEPS = "confide.clock.steps"
    BATCH_SIZE = "confide.turn.records"
    TURN_SECONDS = "confide.turn.duration"
    TRANSACTION_SECONDS = "confide.transaction.duration"
    LAG = "confide.lane.lag"
    #: Bytes fetched and not yet worked off.
    WAITING = "confide.lane.waiting"
    OLDEST_AGE = "confide.lane.oldest_age"
    RESTORED = "confide.lane.restore.records"
    RESTORE_LEFT = "confide.lane.restore.left"
    RESTORE_RATE = "confide.lane.restore.rate"
    OPEN = "confide.lane.open"
    #: 1 while a lane refuses to work because its state and its offsets do not fit: somebody must look.
    REFUSED = "confide.lane.refused"
    ENTRIES = "confide.lane.entries"
    TIMERS = "confide.lane.timers"
