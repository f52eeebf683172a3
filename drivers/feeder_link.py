"""The shell of a device that a feeder process brings: the same face as ``drivers.link``, another port.

Theory of operation
-------------------
Core listens, the feeder comes and goes by itself; each connection gets a new host.  Nothing is ever written
to it, whatever the host would like to say.  States and conditions are those of ``drivers.link``.

Units: ms of the caller's monotonic clock.
"""

import asyncio
from collections.abc import Callable
from typing import Generic

from drivers.errors import PortError
from drivers.feeder_port import FeederPort, open_feeder_port
from drivers.link import (
    NOTHING,
    RETRY_S,
    Condition,
    Doubt,
    H,
    Taker,
    Wanted,
    condition_of,
    doubts_about,
    refusal_of,
)
from drivers.listening import Listening

_OTHERWISE = "feeder and core are of different releases"


class FeederLink(Generic[H]):
    """``users``: the numbers of the users that may feed."""

    def __init__(
        self,
        wanted: Wanted,
        users: frozenset[int],
        make_host: Callable[[], H],
        taker: Taker[H],
        clock: Callable[[], int],
    ) -> None:
        self._wanted, self._users, self._make_host = wanted, users, make_host
        self._taker, self._clock = taker, clock
        self.host: H | None = None
        self.opened = 0
        self._why = "no feeder has come yet"
        self._bytes = 0
        self._listening = Listening(wanted.greeting_ms, _OTHERWISE, clock())

    async def keep(self) -> None:
        """Listen for ever."""
        while True:
            try:
                port = await self._listen()
            except PortError as error:
                self._lost(str(error))
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await asyncio.Event().wait()
            finally:
                await port.close()

    async def _listen(self) -> FeederPort:
        return await open_feeder_port(
            self._wanted.path, self._users, self._connected, self._arrived, self._lost
        )

    def _connected(self) -> None:
        now_ms = self._clock()
        self.host, self._why, self._bytes = self._make_host(), "", 0
        self.opened += 1
        self._listening = Listening(self._wanted.greeting_ms, _OTHERWISE, now_ms)
        self._taker.connected(self.host, now_ms)

    def _arrived(self, data: bytes) -> None:
        if self.host is None:
            return
        now_ms = self._clock()
        self._bytes += len(data)
        events = self.host.receive(data, now_ms)
        if events:
            self._taker.heard(events, now_ms)

    def _lost(self, why: str) -> None:
        told, self.host, self._why = self._why, None, why
        if why != told:
            self._taker.lost(why, self._clock())

    @property
    def name(self) -> str:
        """Its table in the configuration."""
        return self._wanted.name

    def turn(self) -> None:
        """Let time pass for the host."""
        self._arrived(b"")
        if self.host is not None:
            self._listening.look(self.host, self._bytes, self._clock())

    def refusal(self) -> str:
        """Why what is fed is not from the device that was meant; empty where nothing says so."""
        return "" if self.host is None else refusal_of(self._wanted, self.host, self._listening)

    def doubts(self) -> list[Doubt]:
        """What is against whom it is fed from; mostly nothing."""
        return [] if self.host is None else doubts_about(self._wanted, self.host, self._listening)

    def condition(self) -> Condition:
        """How the device does now."""
        if self.host is None:
            return Condition(self._wanted.name, "absent", self._why, None, None, NOTHING, self.opened)
        return condition_of(self._wanted, self.host, self._listening, self.opened, self._clock())
