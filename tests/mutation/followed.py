"""Keys that come late or again, followed topics, and a worker that is stopped while it starts."""

from tests.mutation.row import Edit, Row

_KEYRING = "tests/integration/test_keyring.py"
_FOLLOWER = "tests/integration/test_runtime_follower.py"
_HIDDEN = "streams/runtime/lane/hidden_records.py"
_HIDDEN_TESTS = "tests/unit/test_hidden_records.py::"
_MASTER = "tests/integration/test_master_key.py"

ROWS = (
    Row(
        "A key that is written again after its tombstone is erased no more",
        "services/connectors/keyring.py",
        (Edit("            self._erased.discard(key_id)\n", ""),),
        (f"{_KEYRING}::test_the_last_record_of_an_id_counts",),
    ),
    Row(
        "A key that an open transaction may hide is waited for",
        "services/connectors/keyring.py",
        (Edit("catch_up_beyond_open_transactions(lambda: self._is_known(key_id))", "catch_up()"),),
        (f"{_KEYRING}::test_a_key_after_an_open_transaction_is_awaited",),
    ),
    Row(
        "A report whose key may yet come is not failed at once",
        "services/connectors/composer.py",
        (Edit("                return None\n", "                return CannotCompose(KEY_MISSING)\n"),),
        (f"{_KEYRING}::test_the_composer_gives_the_reason_with_which_a_report_fails",),
    ),
    Row(
        "A key that another master key wrapped cannot be opened, in our own class",
        "streams/domain/sealing.py",
        (
            Edit(
                '    except (InvalidTag, ValueError):\n        raise CannotOpen("the data key',
                '    except ValueError:\n        raise CannotOpen("the data key',
            ),
        ),
        ("tests/unit/test_sealing.py::test_a_wrapped_key_opens_with_its_master_and_its_key_id_alone",),
    ),
    Row(
        "A key record without a check value says nothing of the master key",
        "services/master_key.py",
        (Edit(" if (check := _check_of(record.value)) is not None", " if (check := _check_of(record.value)) != 0"),),
        (f"{_MASTER}::test_the_newest_committed_check_value_of_each_partition_counts",),
    ),
    Row(
        "A process does not start while its master key cannot be compared",
        "services/master_key.py",
        (
            Edit(
                '        raise SettingsError(f"Kafka at {bootstrap} does not answer '
                '({type(error).__name__})") from error\n',
                "        return\n",
            ),
        ),
        (f"{_MASTER}::test_a_kafka_that_does_not_answer_is_an_error_of_the_settings",),
    ),
    Row(
        "A follower asks a broker again that does not say where its logs end",
        "streams/runtime/transport/follower.py",
        (Edit("            except KafkaError as error:\n", "            except ZeroDivisionError as error:\n"),),
        (f"{_FOLLOWER}::test_it_asks_a_broker_again_that_does_not_tell_the_ends",),
    ),
    Row(
        "What a follower passes over is logged by its place",
        "streams/runtime/transport/follower.py",
        (Edit("                offset=record.offset,\n", ""),),
        (f"{_FOLLOWER}::test_a_worker_passes_over_what_its_copy_cannot_take_and_quotes_nothing_of_it",),
    ),
    Row(
        "What a follower passes over is alarmed",
        "streams/runtime/transport/follower.py",
        (Edit("            self._report(FollowerPassesOver(*place, type(error).__name__))\n", ""),),
        (f"{_FOLLOWER}::test_a_record_that_is_passed_over_is_reported_by_its_place",),
    ),
    Row(
        "A follower notices what an open transaction hides",
        "streams/runtime/transport/follower.py",
        (Edit("                    self._look_for_hidden(consumer)\n", ""),),
        (f"{_FOLLOWER}::test_records_that_an_open_transaction_hides_are_reported_until_it_ends",),
    ),
    Row(
        "A worker notices what an open transaction hides",
        "streams/runtime/transport/batching_thread.py",
        (
            Edit(
                "        lanes.note_hidden(tp.topic, tp.partition, state.timestamp, state.lso, state.highwater)\n",
                "",
            ),
        ),
        (
            (
                "tests/integration/test_hidden_records.py"
                "::test_an_emergency_behind_an_open_transaction_is_alarmed_and_decided_once_it_is_aborted"
            ),
        ),
    ),
    Row(
        "The transaction of a dead lane is no alarm",
        _HIDDEN,
        (Edit("OUTSIDE_SECONDS if topic in self._outside else DEAD_WRITER_SECONDS", "OUTSIDE_SECONDS"),),
        (f"{_HIDDEN_TESTS}test_the_transaction_of_a_dead_lane_is_no_alarm",),
    ),
    Row(
        "What was hidden is reported once it is hidden no more",
        _HIDDEN,
        (Edit("[*self._shown(behind), *self._hidden(behind)]", "[*self._hidden(behind)]"),),
        (f"{_HIDDEN_TESTS}test_a_last_stable_offset_that_does_not_move_is_reported_once_until_it_moves",),
    ),
    Row(
        "A last stable offset that moves hides nothing for long",
        _HIDDEN,
        (Edit("before is None or before.stable != stable or", "before is None or"),),
        (f"{_HIDDEN_TESTS}test_the_transactions_of_lanes_at_work_hide_nothing",),
    ),
    Row(
        "Without responses it is not known what is hidden",
        _HIDDEN,
        (Edit(" or now > before.seen_at + _SILENT_SECONDS:", ":"),),
        (f"{_HIDDEN_TESTS}test_without_responses_nothing_is_known",),
    ),
    Row(
        "What was hidden and is not known any more is not reported again",
        _HIDDEN,
        (Edit("            if now > found.seen_at + _SILENT_SECONDS:\n", "            if now < 0:\n"),),
        (f"{_HIDDEN_TESTS}test_what_is_not_known_any_more_is_not_reported_again",),
    ),
    Row(
        "Alarm: a process that was cut off does not bring an alarm of hidden records back",
        "streams/domain/alarms.py",
        (Edit("{AlarmKind.LANE, AlarmKind.BREAKER, AlarmKind.HIDDEN}", "{AlarmKind.LANE, AlarmKind.BREAKER}"),),
        (
            (
                "tests/unit/test_alarms_cleared.py"
                "::test_a_change_of_a_process_that_was_cut_off_does_not_count_after_one_of_the_next_owner"
            ),
        ),
    ),
    Row(
        "Alarm: hidden records of a lost process are over when nobody reports them",
        "streams/domain/alarms.py",
        (Edit("AlarmKind.FAILING, AlarmKind.CLOCK, AlarmKind.HIDDEN", "AlarmKind.FAILING, AlarmKind.CLOCK"),),
        ("tests/unit/test_alarms_cleared.py::test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time",),
    ),
    Row(
        "The console says that it passed records over",
        "services/cli/review_topics.py",
        (Edit("    if topics.passed_over:\n", "    if not topics:\n"),),
        (
            (
                "tests/integration/test_unreadable_records.py"
                "::test_worker_connector_and_console_work_beside_records_that_cannot_be_read"
            ),
        ),
    ),
    Row(
        "A worker that is stopped before its loop handles signals ends with status 0",
        "streams/runtime/transport/worker.py",
        (Edit("    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n", ""),),
        (
            (
                "tests/unit/test_stopping.py"
                "::test_a_worker_that_is_stopped_before_its_loop_handles_signals_ends_with_status_0"
            ),
        ),
    ),
)
