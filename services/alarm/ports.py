"""The receiver that `CONFIDE_ALARM` names."""

import shlex
import shutil
from urllib.parse import urlsplit

from services.alarm.command import CommandAlarm
from services.alarm.console import ConsoleAlarm
from services.alarm.webhook import WebhookAlarm
from services.settings import SettingsError

_ALLOWED = (
    "CONFIDE_ALARM must be a URL such as https://alarm.example/hook, or a command line whose program is there, "
    "such as /usr/local/bin/page --team sre"
)
_WEB = ("http", "https")


def alarm_port(setting: str | None) -> WebhookAlarm | CommandAlarm | ConsoleAlarm:
    """Return the receiver; without a setting, the log. Raise `SettingsError`, which never quotes the setting."""
    if setting is None:
        return ConsoleAlarm()
    if _is_url(setting):
        return WebhookAlarm(setting)
    try:
        command = shlex.split(setting)
    except ValueError:
        raise SettingsError(_ALLOWED) from None
    if not command or "://" in command[0] or shutil.which(command[0]) is None:
        raise SettingsError(_ALLOWED)
    return CommandAlarm(tuple(command))


def _is_url(setting: str) -> bool:
    if not setting.isprintable() or " " in setting:
        return False
    try:
        parts = urlsplit(setting)
        return parts.scheme in _WEB and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
