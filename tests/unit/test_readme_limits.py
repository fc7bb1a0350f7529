"""What README says of limits is what the code has."""

from pathlib import Path

from schemas.vocabulary import Agency
from services.credentials import api_keys, clients, key_source, outage, tokens
from services.gateway.body import BODY_SECONDS
from services.http_server import HEAD_SECONDS, MAX_CONNECTIONS
from services.tls_handshakes import HANDSHAKE_SECONDS, MAX_HANDSHAKES
from streams.domain.delivery import RETRY_POLICIES
from streams.domain.plain_english.wording import length_words

README = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())


def test_the_limits_of_all_agencies_are_those_of_the_code() -> None:
    limits = {agency: RETRY_POLICIES[agency].limit for agency in Agency}
    assert limits[Agency.SOCIAL_WORKER] == limits[Agency.CARE_TEAM]
    assert limits[Agency.EMERGENCY_999].total_seconds() == 60
    others = f"101: {length_words(limits[Agency.POLICE_101])}; social worker and care team: "
    assert f"(999: 60 s; {others}{length_words(limits[Agency.CARE_TEAM])})" in README


def test_the_limits_of_the_gateway_are_those_of_the_code() -> None:
    assert f"running gateways refuse it within {api_keys.LOOK_EVERY:.0f} seconds" in README
    minutes = f"{outage.LAST_KNOWN_SECONDS / 60:.0f} minutes, and the log says so each minute"
    assert f"the last known keys count for {minutes}" in README
    assert f"the last known clients count for {minutes}" in README
    assert outage.LOG_EVERY == 60
    # A change of the file counts at the second look at the latest: at the first it may still be being written.
    assert f"remove it from the file: it is refused within {2 * clients.LOOK_EVERY:.0f} seconds" in README
    of_key = key_source.READ_EVERY + key_source.READ_SECONDS
    assert f"from the key set: it is refused within {of_key:.0f} seconds" in README
    assert f"the last known keys count for {key_source.LAST_KNOWN_SECONDS / 3600:.0f} hours" in README
    assert f"read at once, every {key_source.READ_APART:.0f} seconds at most" in README
    assert f"differ by {tokens.EXPIRED_SECONDS:.0f} s for `exp`, and by a minute for" in README
    assert tokens.FUTURE_SECONDS == 60
    assert f"{MAX_CONNECTIONS} connections, and {MAX_HANDSHAKES} more in a TLS handshake" in README
    limits = f"A handshake has {HANDSHAKE_SECONDS:.0f} s, the head of a request {HEAD_SECONDS:.0f} s, its body"
    assert f"{limits} {BODY_SECONDS} s." in README
