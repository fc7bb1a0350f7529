"""The settings of a process: from environment variables, or the broker that `confide broker start` left running."""

import os

from infra.broker import BrokerError, answers, find_bootstrap
from services.settings import Settings, SettingsError


def settings() -> Settings:
    """Return the settings of this process; raise `SettingsError` if no Kafka is named and none runs here."""
    if not os.environ.get("KAFKA_BOOTSTRAP"):
        try:
            found = find_bootstrap()
        except BrokerError as error:
            raise SettingsError(str(error)) from error
        if found is not None:
            os.environ["KAFKA_BOOTSTRAP"] = found
    return Settings.from_environment()


def settings_with_kafka() -> Settings:
    """Return the settings of this process; raise `SettingsError` also if Kafka does not answer."""
    found = settings()
    if not answers(found.bootstrap):
        raise SettingsError(f"Kafka at {found.bootstrap} does not answer")
    return found
