"""Keys: erased only by a tombstone that was read; a wrong master key; followed topics with unreadable records."""

from tests.mutation.row import Edit, Row

_KEYRING = "tests/integration/test_keyring.py"
_FOLLOWER = "tests/integration/test_runtime_follower.py"
_CONSOLE = "tests/integration/test_review_reading.py"
_MASTER = "tests/integration/test_master_key.py"
_STARTS = f"{_MASTER}::test_a_process_refuses_another_master_key_before_any_lane_and_starts_with_the_right_one"
_UNREADABLE = (
    "tests/integration/test_unreadable_records.py::"
    "test_worker_connector_and_console_work_beside_records_that_cannot_be_read"
)

ROWS = (
    Row(
        "Only a tombstone that was read means that a key was erased",
        "services/connectors/keyring.py",
        (Edit("return NoKey.MISSING if found is None", "return NoKey.ERASED if found is None"),),
        (f"{_KEYRING}::test_a_key_without_record_and_without_tombstone_is_missing_not_erased",),
    ),
    Row(
        "A tombstone that was read is remembered",
        "services/connectors/keyring.py",
        (Edit("            self._erased.add(key_id)\n", ""),),
        (f"{_KEYRING}::test_a_key_that_is_there_opens_and_one_whose_tombstone_was_read_is_erased",),
    ),
    Row(
        "A key is missing only beyond the high watermark of the call",
        "streams/runtime/transport/follower.py",
        (Edit("return await self._ends(self._uncommitted)", "return await self._ends(self._consumer)"),),
        (f"{_KEYRING}::test_a_key_is_not_called_missing_while_a_transaction_is_open",),
    ),
    Row(
        "A follower that has enough waits for no transaction",
        "streams/runtime/transport/follower.py",
        (Edit("lambda: enough() or self._has_passed(ends)", "lambda: self._has_passed(ends)"),),
        (f"{_FOLLOWER}::test_it_does_not_wait_for_a_transaction_once_it_has_enough",),
    ),
    Row(
        "A key of another master key is a reason, no exception",
        "services/connectors/keyring.py",
        (Edit("            return NoKey.OF_OTHER_MASTER\n", "            raise\n"),),
        (f"{_KEYRING}::test_the_composer_gives_the_reason_with_which_a_report_fails",),
    ),
    Row(
        "The console too calls nothing erased that it did not read as erased",
        "services/review/reading.py",
        (Edit("        if is_erased:\n", "        if is_erased or wrapped is None:\n"),),
        (f"{_CONSOLE}::test_what_was_sealed_opens_until_the_tombstone_of_its_key_was_read",),
    ),
    Row(
        "The console reads beyond open transactions",
        "services/committed_reader.py",
        (Edit("ends = high_watermarks(bootstrap, sources)", "ends = consumer.end_offsets(sources)"),),
        (f"{_CONSOLE}::test_a_review_after_an_open_transaction_is_found_when_that_has_ended",),
    ),
    Row(
        "A connector with another master key does not start",
        "services/cli/connector.py",
        (Edit("    check_master_key(", "    (lambda *_: None)("),),
        (_STARTS,),
    ),
    Row(
        "A worker with another master key does not start",
        "services/cli/worker.py",
        (Edit("        check_master_key(", "        (lambda *_: None)("),),
        (_STARTS,),
    ),
    Row(
        "A data key says with which master key it is wrapped",
        "streams/agents/admit.py",
        (
            Edit(
                '                        "master_check": self._master_check,\n',
                '                        "master_check": None,\n',
            ),
        ),
        (
            "tests/unit/test_admit.py::test_a_disclosure_of_a_known_person_goes_straight_to_the_lane_and_its_key_is_published",
        ),
    ),
    Row(
        "IDENTITY passes on with which master key a key is wrapped",
        "streams/agents/identity.py",
        (Edit('"master_check": unresolved.master_check', '"master_check": None'),),
        ("tests/unit/test_identity_agent.py::test_a_new_person_gets_links_a_key_and_a_lane",),
    ),
    Row(
        "A follower passes over a record that it cannot read",
        "streams/runtime/transport/follower.py",
        (Edit("            _passed_over.add(1, {Attribute.TOPIC: record.topic})\n", "            raise\n"),),
        (f"{_FOLLOWER}::test_a_worker_passes_over_what_its_copy_cannot_take_and_quotes_nothing_of_it",),
    ),
    Row(
        "An error of a follower's consumer ends the process",
        "streams/runtime/transport/follower.py",
        (Edit('            end_process(f"follower of ', '            describe(error) and str(f"follower of '),),
        (f"{_FOLLOWER}::test_an_error_of_the_consumer_ends_the_process",),
    ),
    Row(
        "The list of reviews passes over a record that it cannot read",
        "services/review/reading.py",
        (
            Edit(
                '"ReviewSettled"))\n            except UNREADABLE:\n',
                '"ReviewSettled"))\n            except ZeroDivisionError:\n',
            ),
        ),
        (_UNREADABLE,),
    ),
    Row(
        "A notice is told only by the channel that sent that notice",
        "services/notifier/channels.py",
        (Edit("            if _digest(fields) not in self._written:\n", "            if not self._written:\n"),),
        ("tests/unit/test_notice_file.py::test_a_notice_with_a_known_id_and_other_content_was_not_sent_before",),
    ),
    Row(
        "A process that is stopped before it handles signals ends with status 0",
        "services/cli/__init__.py",
        (Edit("        signal.signal(signal.SIGTERM, _end_at_once)\n", "        pass\n"),),
        ("tests/integration/test_early_stop.py::test_a_stop_in_the_first_second_ends_with_status_0",),
    ),
    Row(
        "The console with another master key opens nothing",
        "services/cli/review_topics.py",
        (Edit("    check_master_key(", "    (lambda *_: None)("),),
        (f"{_MASTER}::test_the_console_refuses_another_master_key",),
    ),
    Row(
        "One partition of this master key is enough to start",
        "services/master_key.py",
        (Edit("    if len(others) == len(found):\n", "    if others:\n"),),
        (f"{_MASTER}::test_the_newest_committed_check_value_of_each_partition_counts",),
    ),
    Row(
        "What cannot be read says nothing of a master key",
        "services/master_key.py",
        (Edit("    except (Unreadable, ValidationError):\n", "    except ValidationError:\n"),),
        (f"{_MASTER}::test_the_newest_committed_check_value_of_each_partition_counts",),
    ),
    Row(
        "Two master keys have two check values",
        "streams/domain/sealing.py",
        (Edit("return hmac.digest(master, ", "return hmac.digest(bytes(KEY_BYTES), "),),
        ("tests/unit/test_sealing.py::test_a_check_value_is_of_one_master_key_and_holds_nothing_of_it",),
    ),
    Row(
        "A wait for a key ends with the key, whatever is open elsewhere",
        "services/connectors/keyring.py",
        (
            Edit(
                "catch_up_beyond_open_transactions(lambda: self._is_known(key_id))",
                "catch_up_beyond_open_transactions()",
            ),
        ),
        (f"{_KEYRING}::test_a_key_in_another_partition_does_not_wait_for_the_transaction",),
    ),
    Row(
        "The console says where an open transaction may hide a key",
        "services/committed_reader.py",
        (Edit("            hidden += [", "            _ = ["),),
        (f"{_CONSOLE}::test_a_key_after_an_open_transaction_is_awaited_for_some_seconds_and_then_missing_not_erased",),
    ),
    Row(
        "The console does not wait for ever",
        "services/committed_reader.py",
        (Edit("elif time.monotonic() > moved_at + _OPEN_TRANSACTION_SECONDS:", "elif False:"),),
        (f"{_CONSOLE}::test_a_key_after_an_open_transaction_is_awaited_for_some_seconds_and_then_missing_not_erased",),
    ),
    Row(
        "A follower counts what it passes over",
        "streams/runtime/transport/follower.py",
        (Edit("_passed_over.add(1, {", "_passed_over.add(0, {"),),
        (f"{_FOLLOWER}::test_a_worker_passes_over_what_its_copy_cannot_take_and_quotes_nothing_of_it",),
    ),
    Row(
        "The console counts what it passes over",
        "services/review/reading.py",
        (Edit("        self.passed_over.append(RecordLocation.of(record))\n", "        pass\n"),),
        (f"{_CONSOLE}::test_what_was_sealed_opens_until_the_tombstone_of_its_key_was_read",),
    ),
    Row(
        "The console passes over a key that cannot be read",
        "services/review/reading.py",
        (
            Edit(
                "                is_erased = wrapped is None\n            except UNREADABLE:\n",
                "                is_erased = wrapped is None\n            except ZeroDivisionError:\n",
            ),
        ),
        (f"{_CONSOLE}::test_what_was_sealed_opens_until_the_tombstone_of_its_key_was_read",),
    ),
    Row(
        "The console passes over a decision that cannot be read",
        "services/review/reading.py",
        (
            Edit(
                "return Decision.model_validate(fields)\n            except UNREADABLE:\n",
                "return Decision.model_validate(fields)\n            except ZeroDivisionError:\n",
            ),
        ),
        (_UNREADABLE,),
    ),
    Row(
        "An answer is waited for past what cannot be read",
        "services/review/send_outcome.py",
        (Edit("        except UNREADABLE as error:\n", "        except ZeroDivisionError as error:\n"),),
        (f"{_CONSOLE}::test_an_answer_is_waited_for_past_what_cannot_be_read",),
    ),
)
