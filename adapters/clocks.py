"""Clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime

from attrs import define, field

from ..ports.clock import Clock


@define
class SystemClock(Clock):
    """Tells the time of this machine, which may be set back; what it tells then stands still until it has caught up."""

    _told: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def now(self) -> datetime:
        self._told = max(self._told, datetime.now(UTC))
        return self._told

    def today(self) -> date:
        """Return the date in UTC."""
        return self.now().date()
