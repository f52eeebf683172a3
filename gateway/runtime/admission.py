"""How much of core one user may take: connections to its socket, and rows of the record.

Theory of operation
-------------------
The control socket is open to every local user, because every local user may stop.  So one user's flood must
cost neither the control cycle its time, nor another user's "stop" its turn, nor the disk its room.

``Connections`` admits a burst and then a steady rate for each user; what is more is turned away with one
sentence, unread.  ``AuditRows`` lets each user cause so many rows a minute; what is more is counted, and the
count is one row at the end of that minute.  Users beyond the first few of a minute share one account: the
memory is bounded too.

Pure: users are numbers, times are ms of one monotonic clock.  All figures are engineering proposals.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS_BURST = 100
CONNECTION_EVERY_MS = 20
ROWS_OF_OPERATORS = 120
"""A minute, for each operator: a press a second to raise a current, and as much again; more is no person."""
ROWS_OF_OTHERS = 10
"""A minute, for each user who may only stop: 5.5 MB a day at the most."""
OTHERS = -1
"""Whoever comes when ``_MOST_USERS`` have an account."""
_MINUTE_MS = 60_000
_MOST_USERS = 16


class Connections:
    """Who may connect now."""

    def __init__(self) -> None:
        self._paid_ms: dict[int, int] = {}  # for each user, until when its connections are paid for

    def admits(self, user: int, now: int) -> bool:
        """Whether this user's next connection is served."""
        if len(self._paid_ms) >= _MOST_USERS:
            self._paid_ms = {known: until for known, until in self._paid_ms.items() if until > now}
        account = _account(self._paid_ms, user)
        paid_ms = max(now, self._paid_ms.get(account, now)) + CONNECTION_EVERY_MS
        if paid_ms - now > CONNECTIONS_BURST * CONNECTION_EVERY_MS:
            return False
        self._paid_ms[account] = paid_ms
        return True


@dataclass(slots=True)
class _Minute:
    """What a user has caused since its first request of this minute."""

    ends_ms: int
    rows: int = 0
    unwritten: int = 0


class AuditRows:
    """Whose requests are written down one by one."""

    def __init__(self) -> None:
        self._minutes: dict[int, _Minute] = {}

    def admits(self, user: int, operator: bool, now: int) -> bool:
        """Whether this user's request gets a row of its own; if not, it is counted."""
        minute = self._minutes.setdefault(_account(self._minutes, user), _Minute(now + _MINUTE_MS))
        if minute.rows < (ROWS_OF_OPERATORS if operator else ROWS_OF_OTHERS):
            minute.rows += 1
            return True
        minute.unwritten += 1
        return False

    def ended(self, now: int) -> list[tuple[int, int]]:
        """Users whose minute is over and how many of their requests were counted only."""
        if not self._minutes:
            return []
        over = {user: minute for user, minute in self._minutes.items() if now >= minute.ends_ms}
        for user in over:
            del self._minutes[user]
        return [(user, minute.unwritten) for user, minute in over.items() if minute.unwritten]


def _account(accounts: Mapping[int, object], user: int) -> int:
    """The account that this user's doings go to."""
    return user if user in accounts or len(accounts) < _MOST_USERS else OTHERS
