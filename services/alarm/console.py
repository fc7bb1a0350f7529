"""No receiver is connected: each call is one line of the log."""

import json

import structlog

from streams.domain.alarm_calls import Call

_log = structlog.get_logger("confide.alarms")


class ConsoleAlarm:
    """Logs each call: as critical where it lists an alarm, else as information."""

    def announce(self) -> None:
        """Say that no receiver is connected."""
        _log.warning("no alarm is connected, alarms are in this log alone: set CONFIDE_ALARM")

    async def deliver(self, call: Call) -> str | None:
        """Log the call."""
        say = _log.critical if call.has_alarms else _log.info
        say("alarm" if call.has_alarms else "all-clear", **json.loads(call.body))
        return None
