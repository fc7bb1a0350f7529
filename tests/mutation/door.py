"""Who passes the gateway's door, by an access token and by name, and who takes its connections."""

from tests.mutation.row import Edit, Row

_TOKENS = "services/credentials/tokens.py"
_KEY_SET = "services/credentials/key_set.py"
_KEY_SOURCE = "services/credentials/key_source.py"
_CLIENTS = "services/credentials/clients.py"
_DOOR = "services/gateway/door.py"
_HANDSHAKES = "services/tls_handshakes.py"
_API_KEYS = "services/credentials/api_keys.py"
_OF_OUTAGES = "tests/unit/test_credential_outages.py::"
_LARGE = "services/gateway/large_bodies.py"
_OF_LARGE = "tests/unit/test_large_bodies.py::"
_SERVER = "services/http_server.py"
_OF_REFUSALS = "tests/unit/test_http_refusals.py::"
_OF_TOKENS = "tests/unit/test_access_tokens.py::"
_FORGED = _OF_TOKENS + "test_a_token_that_the_issuer_did_not_sign_is_refused"
_CLAIMS = _OF_TOKENS + "test_a_signed_token_with_a_wrong_claim_is_refused"
_OF_SOURCE = "tests/unit/test_key_source.py::"
_OF_HOSTS = "tests/unit/test_gateway_hosts.py::"
_OF_TLS = "tests/unit/test_tls_handshakes.py::"

ROWS = (
    Row(
        "A token is signed with an allowed algorithm: never none or HMAC",
        _KEY_SET,
        (Edit("        if name not in ALGORITHMS:", "        if False:"),),
        (_FORGED,),
    ),
    Row(
        "A token is of the issuer",
        _TOKENS,
        (Edit(' or claims.get("iss") != self._issuer', ""),),
        (_CLAIMS,),
    ),
    Row(
        "A token is for this gateway",
        _TOKENS,
        (Edit("if self._audience not in (audience if isinstance(audience, list) else [audience]):", "if False:"),),
        (_CLAIMS,),
    ),
    Row(
        "A token expires",
        _TOKENS,
        (Edit(' or claims["exp"] <= now - EXPIRED_SECONDS', ""),),
        (_CLAIMS,),
    ),
    Row(
        "A token is an access token and no other kind of JWT",
        _TOKENS,
        (Edit('if header.get("typ", _TYPES[0]).lower() not in _TYPES:', "if False:"),),
        (_FORGED,),
    ),
    Row(
        "A token with an extension that is not understood is refused",
        _TOKENS,
        (Edit('if "crit" in header or ', "if "),),
        (_FORGED,),
    ),
    Row(
        "An unknown key id has the key set read again",
        _TOKENS,
        (Edit("was_read = await self._keys.read_again()", "was_read = True"),),
        (_OF_TOKENS + "test_a_key_that_the_issuer_has_just_made_counts_at_once",),
    ),
    Row(
        "A token that cannot be checked is told to come again",
        _TOKENS,
        (Edit("if not keys and not was_read:", "if False:"),),
        (_OF_TOKENS + "test_while_the_key_set_cannot_be_read_known_keys_count_and_others_are_told_to_come_again",),
    ),
    Row(
        "A client that is taken out of its file is refused without a restart",
        _CLIENTS,
        (Edit("self._clients = self._file.look(self._clients, self._now())", "pass"),),
        (_OF_TOKENS + "test_a_client_that_is_taken_out_of_the_file_is_refused_without_a_restart",),
    ),
    Row(
        "A client for exercises sends exercises",
        _CLIENTS,
        (Edit(', f"client:{client_id}", client.exercise)', ', f"client:{client_id}", False)'),),
        (_OF_TOKENS + "test_the_file_of_clients_says_what_a_client_is",),
    ),
    Row(
        "Forged key ids do not cause a read each",
        _KEY_SOURCE,
        (Edit("                await _set_within(stopped, self._apart)\n", ""),),
        (_OF_SOURCE + "test_forged_key_ids_do_not_cause_a_read_each",),
    ),
    Row(
        "Only a few requests wait for the key set",
        _KEY_SOURCE,
        (Edit("        if self._waiting >= MAX_WAITING:", "        if False:"),),
        (_OF_SOURCE + "test_a_key_set_that_does_not_answer_holds_nobody_up_for_long",),
    ),
    Row(
        "A read of the key set has a time limit in all",
        _KEY_SOURCE,
        (Edit("asyncio.timeout(READ_SECONDS)", "asyncio.timeout(None)"),),
        (_OF_SOURCE + "test_a_read_has_a_time_limit_in_all",),
    ),
    Row(
        "The last known keys do not count for ever",
        _KEY_SOURCE,
        (Edit("return () if is_old else", "return () if False else"),),
        (_OF_SOURCE + "test_the_last_known_keys_count_for_a_limited_time",),
    ),
    Row(
        "A request to another host without a right credential is told that its host is wrong",
        _DOOR,
        (Edit('            self._hosts.check(headers.get("host"))\n            raise\n', "            raise\n"),),
        (_OF_HOSTS + "test_a_request_to_another_host_without_a_right_credential_is_refused_before_anything_is_kept",),
    ),
    Row(
        "Beyond the limit the oldest TLS handshake makes room",
        _HANDSHAKES,
        (Edit("        if len(self._under_way) >= MAX_HANDSHAKES:", "        if False:"),),
        (_OF_TLS + "test_beyond_the_limit_the_oldest_handshake_is_closed_for_a_new_one",),
    ),
    Row(
        "A TLS handshake has a time limit",
        _HANDSHAKES,
        (Edit("ssl_handshake_timeout=HANDSHAKE_SECONDS", "ssl_handshake_timeout=None"),),
        (_OF_TLS + "test_a_handshake_that_does_not_end_is_closed",),
    ),
    Row(
        "What comes with the end of a handshake is not lost",
        _HANDSHAKES,
        (Edit("        if self._early:", "        if False:"),),
        (_OF_TLS + "test_a_request_that_comes_with_the_end_of_the_handshake_is_answered",),
    ),
    Row(
        "A request that is not HTTP is refused as every other",
        _SERVER,
        (Edit("    def send_400_response(", "    def send_400_response_never("),),
        (_OF_REFUSALS + "test_what_is_not_http_gets_problem_details",),
    ),
    Row(
        "A response that has begun is not followed by another",
        _SERVER,
        (Edit("        if self.conn.our_state not in _UNANSWERED:", "        if False:"),),
        (_OF_REFUSALS + "test_a_response_that_has_begun_is_not_followed_by_another",),
    ),
    Row(
        "The published document is below the limit of an answer",
        "services/gateway/document.py",
        (Edit("        return False\n", "        return True\n"),),
        ("tests/unit/test_gateway_document.py::test_no_answer_is_over_the_limit",),
    ),
    Row(
        "The last known API keys do not count for ever",
        _API_KEYS,
        (Edit("        if self._folder_outage.is_long:", "        if False:"),),
        (_OF_OUTAGES + "test_a_known_key_counts_for_a_limited_time_and_again_once_it_can_be_read",),
    ),
    Row(
        "An API key whose file cannot be read does not count for ever",
        _API_KEYS,
        (Edit("in self._outages.items() if outage.is_long}", "in self._outages.items() if False}"),),
        (_OF_OUTAGES + "test_a_known_key_counts_for_a_limited_time_and_again_once_it_can_be_read",),
    ),
    Row(
        "The last known clients do not count for ever",
        _CLIENTS,
        (Edit("None if self._outage.is_long else self._clients", "None if False else self._clients"),),
        (_OF_OUTAGES + "test_a_known_client_counts_for_a_limited_time_and_again_once_it_can_be_read",),
    ),
    Row(
        "A key that cannot be looked up now is told to come again",
        _API_KEYS,
        (Edit("if found is not None and key is None and (", "if False and ("),),
        (_OF_OUTAGES + "test_after_the_limit_the_gateway_answers_503",),
    ),
    Row(
        "An outage of the credentials is logged once a minute",
        "services/credentials/outage.py",
        (Edit("        if now - self._logged_at < LOG_EVERY:\n            return\n", ""),),
        (_OF_OUTAGES + "test_an_outage_is_logged_once_a_minute",),
    ),
    Row(
        "A revoked API key is refused without a restart",
        _API_KEYS,
        (Edit("        if now - self._looked >= LOOK_EVERY:", "        if self._looked < 0:"),),
        (_OF_OUTAGES + "test_a_revoked_key_gets_401_from_a_running_gateway",),
    ),
    Row(
        "The large bodies of one sender do not delay those of another",
        _LARGE,
        (Edit("next(iter(self._waiting.items()))", "next(reversed(self._waiting.items()))"),),
        (_OF_LARGE + "test_the_credentials_take_turns_and_of_one_the_smallest_is_next",),
    ),
    Row(
        "Of one sender's large bodies the smallest is next",
        _LARGE,
        (Edit("(bodies, (len(raw), next(", "(bodies, (0, next("),),
        (_OF_LARGE + "test_the_credentials_take_turns_and_of_one_the_smallest_is_next",),
    ),
    Row(
        "A body of middle size does not wait for a large one",
        _LARGE,
        (Edit("self._middle if len(raw) <= MIDDLE_BYTES else self._large", "self._large"),),
        (_OF_LARGE + "test_a_body_of_middle_size_does_not_wait_for_a_large_one",),
    ),
    Row(
        "Large bodies do not wait without limit",
        _LARGE,
        (Edit("if len(bodies) > MAX_WAITING:", "if False:"),),
        (_OF_LARGE + "test_beyond_the_limit_the_largest_body_is_refused",),
    ),
)
