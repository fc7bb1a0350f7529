"""Keys that come late or again, followed topics, and a worker that is stopped while it starts."""

from tests.mutation.row import Edit, Row

_KEYRING = "tests/integration/test_keyring.py"
_FOLLOWER = "tests/integration/test_runtime_follower.py"
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
