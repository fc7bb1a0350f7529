"""The log as receiver, if no other is connected: each call is one line."""

import json

import structlog

from streams.domain.alarm_calls import Call

_log = structlog.get_logger("confide.alarms")


class ConsoleAlarm:
    """Logs each call: as critical if it lists an alarm, else as information."""

    def announce(self) -> None:
        """Log that no receiver is connected."""
        _log.warning("no alarm is connected, alarms are in this log alone: set CONFIDE_ALARM")

    async def deliver(self, call: Call) -> str | None:
        """Log the call."""
        log = _log.critical if call.has_alarms else _log.info
        log("alarm" if call.has_alarms else "all-clear", **json.loads(call.body))
        return None
