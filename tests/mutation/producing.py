"""What the producer SDK, the gateway and `confide produce` promise while Kafka is away, and of what was cut off."""

from tests.mutation.row import Edit, Row

_PRODUCER = "services/sdk/producer.py"
_CONNECTION = "services/sdk/kafka_connection.py"
_REFUSED = "services/sdk/refused.py"
_REQUEST_HANDLER = "services/gateway/request_handler.py"
_PRODUCE = "services/cli/produce.py"
_OUTAGE = "tests/integration/test_sdk_outage.py::"
_CONNECTING = "tests/unit/test_sdk_producer.py::"
_FATAL = "tests/integration/test_sdk_fatal.py::"
_WAITING = "tests/unit/test_gateway_waiting.py::"
_CUT = "tests/unit/test_gateway_cut_bodies.py::"
_LINES = "tests/unit/test_disclosure_lines.py::"
_PIPE = "tests/integration/test_produce_pipe.py::"

ROWS = (
    Row(
        "The producer connects anew after a record that was not acknowledged",
        _PRODUCER,
        (Edit("            self._on_failure(error)\n", ""),),
        (_OUTAGE + "test_a_producer_whose_records_expired_between_two_tries_sends_again_and_leaves_no_thread",),
    ),
    Row(
        "A producer behind a connection that failed does not try at once again",
        _CONNECTION,
        (Edit("self._connected_at > asked - _PAUSE_SECONDS", "False"),),
        (
            _CONNECTING + "test_after_a_failed_connection_no_call_connects_again_at_once",
            _CONNECTING + "test_a_client_that_fails_at_once_is_not_replaced_many_times_a_second",
        ),
    ),
    Row(
        "A producer that is closed while it connects leaves no connection",
        _CONNECTION,
        (Edit("                if not self._closed.is_set():", "                if True:"),),
        (_CONNECTING + "test_a_producer_that_is_closed_while_it_connects_leaves_no_connection",),
    ),
    Row(
        "A client that can never send again is replaced before the next record",
        _CONNECTION,
        (Edit("known is not None and (fault := fault_of(known)) is not None", "False"),),
        (_CONNECTING + "test_a_client_that_can_never_send_again_is_replaced_before_the_next_record",),
    ),
    Row(
        "Whatever a record fails by, the client is replaced",
        _PRODUCER,
        (
            Edit(
                "        except Exception as error:\n            # Not all",
                "        except LookupError as error:\n            # Not all",
            ),
        ),
        (_CONNECTING + "test_whatever_a_record_fails_by_the_caller_is_told_and_the_client_replaced",),
    ),
    Row(
        "Readiness has a client replaced that gets no answer",
        _CONNECTION,
        (Edit("            self.retire(producer, error)\n            return False\n", "            return False\n"),),
        (_FATAL + "test_readiness_asks_the_client_that_the_next_disclosure_uses",),
    ),
    Row(
        "The part of a body that came is kept",
        _REQUEST_HANDLER,
        (Edit("        if body.raw.strip():\n", "        if False:\n"),),
        (_CUT + "test_the_part_that_came_is_kept_and_marked",),
    ),
    Row(
        "What is only a first part says so",
        _REFUSED,
        (Edit("if is_cut else []", "if False else []"),),
        ("tests/unit/test_refused_bytes.py::test_a_first_part_on_the_urgent_topic_says_so",),
    ),
    Row(
        "A line of a pipe does not wait for others",
        "services/cli/disclosure_lines.py",
        (
            Edit(
                "a line of a pipe must not wait for others.\n            break\n",
                "a line of a pipe must not wait for others.\n            continue\n",
            ),
        ),
        (_LINES + "test_a_damaged_first_line_of_a_pipe_does_not_wait_for_others",),
    ),
    Row(
        "A line of a slow pipe does not wait for many others",
        "services/cli/disclosure_lines.py",
        (Edit(" or is_slow:", ":"),),
        (_LINES + "test_a_line_of_a_slow_pipe_does_not_wait_for_many_others",),
    ),
    Row(
        "A disclosure of a pipe that was not acknowledged is told although no line comes",
        _PRODUCE,
        (Edit(" or underway[0].is_settled", ""),),
        (_PIPE + "test_an_outage_is_told_although_no_line_comes",),
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
