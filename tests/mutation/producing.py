"""What the producer SDK and the gateway promise while Kafka is away."""

from tests.mutation.row import Edit, Row

_PRODUCER = "services/sdk/producer.py"
_REQUEST_HANDLER = "services/gateway/request_handler.py"
_OUTAGE = "tests/integration/test_sdk_outage.py::"
_CONNECTING = "tests/unit/test_sdk_producer.py::"
_WAITING = "tests/unit/test_gateway_waiting.py::"

ROWS = (
    Row(
        "The producer connects anew after a record that was not acknowledged",
        _PRODUCER,
        (Edit("            self._on_failure()\n", ""),),
        (_OUTAGE + "test_a_producer_whose_records_expired_between_two_tries_sends_again_and_leaves_no_thread",),
    ),
    Row(
        "A producer behind a connection that failed does not try at once again",
        _PRODUCER,
        (Edit("self._failed_at > asked - _REFUSE_SECONDS", "self._failed_at > asked"),),
        (_CONNECTING + "test_after_a_failed_connection_no_call_connects_again_at_once",),
    ),
    Row(
        "A producer that is closed while it connects leaves no connection",
        _PRODUCER,
        (Edit("                if not self._closed.is_set():", "                if True:"),),
        (_CONNECTING + "test_a_producer_that_is_closed_while_it_connects_leaves_no_connection",),
    ),
    Row(
        "What is open at the end of a gateway's stop is told to come again",
        _REQUEST_HANDLER,
        (Edit("(KafkaUnavailable, asyncio.CancelledError)", "KafkaUnavailable"),),
        (_WAITING + "test_a_request_that_is_open_at_the_end_of_a_stop_gets_503",),
    ),
    Row(
        "Who finds no thread of the gateway free is told to come again",
        _REQUEST_HANDLER,
        (Edit("asyncio.timeout(_WAIT_SECONDS)", "asyncio.timeout(None)"),),
        (_WAITING + "test_a_request_that_finds_no_free_thread_gets_503",),
    ),
)
