"""The ward of a simulated session: the real link between the session's journal and a broker that can fail.

Theory of operation
-------------------
``Ward`` runs ``gateway.ward.link.Link`` on the journal of the gateway that stands at the bedside, on core's
feed and on the bedside's ``Broker``: one step every 200 ms of virtual time.  The link dies with the power and
with the gateway that is carried away; the next one goes on from the cursor that the last one had kept.  A
session has a ward only where its broker fails: without that trouble it would show nothing new.

``settle`` comes afterwards: a link of every gateway that was there gets a sound broker and as long as its
patience may take.  Then each event of each journal must be in the archive, in the words of the journal;
``missing`` names those that are not.

Units: ms of virtual time; the link sees the gateway's own clock.
"""

from pathlib import Path
from typing import Any

import msgspec

from gateway import __version__
from gateway.config import Config
from gateway.record.reader import JournalReader
from gateway.runtime import state_view
from gateway.simulation.broker import BrokerConnection
from gateway.simulation.troubled import TroubledBedside
from gateway.ward.backlog import Backlog
from gateway.ward.cursor import Cursor
from gateway.ward.link import TURN_S, Link
from gateway.ward.messages import Feed, Place, encode_event
from gateway.ward.outbox import PATIENCE_LONGEST_MS
from gateway.ward.reconnect import LONGEST_MS

STEP_MS = int(TURN_S * 1000)
_FEED_MS = 1_000
_SETTLE_MS = PATIENCE_LONGEST_MS + 2 * LONGEST_MS
"""The longest wait before a repetition, and before the connection that it goes out on."""


class MemoryCursor:
    """A cursor file on a disk that keeps everything."""

    def __init__(self) -> None:
        self._cursor = Cursor()

    def load(self) -> Cursor:
        """What was kept last."""
        return self._cursor

    def save(self, cursor: Cursor) -> None:
        """Keep this one."""
        self._cursor = cursor


class MemoryFeed:
    """Core's feed without a socket: a line a second while core turns and somebody reads."""

    def __init__(self, bedside: TroubledBedside) -> None:
        self._bedside = bedside
        self._heard_ms = bedside.core_ms
        self.is_read = True

    @property
    def descriptor(self) -> None:
        """Nothing to wait on."""

    def age_ms(self, now_ms: int) -> int:
        """Time since core was last heard."""
        return now_ms - self._heard_ms

    def poll(self, now_ms: int) -> list[Feed]:
        """A line, when one is due."""
        bedside = self._bedside
        is_due = 0 <= now_ms - self._heard_ms < _FEED_MS
        if not self.is_read or is_due or not bedside.core_runs or bedside.core is None:
            return []
        self._heard_ms = now_ms
        return [state_view.feed(bedside.core, now_ms)]

    def rest(self) -> None:
        """Read no more until ``wake``."""
        self.is_read = False

    def wake(self, now_ms: int) -> None:
        """Read again."""
        if not self.is_read:
            self.is_read, self._heard_ms = True, now_ms

    def close(self) -> None:
        """Let go of it."""
        self.is_read = False


class _Gateway:
    """A gateway as its link knows it: configuration, journal, what is kept of the position."""

    def __init__(self, config: Config, journal: Path) -> None:
        self.config, self.journal = config, journal
        self.cursor = MemoryCursor()


class Ward:
    """Everything between the journals of a bedside and one archive."""

    def __init__(self, bedside: TroubledBedside) -> None:
        self._bedside = bedside
        self._gateways: dict[Path, _Gateway] = {}
        self._link: Link | None = None
        self._reader: JournalReader | None = None
        self._feed = MemoryFeed(bedside)
        self._journal = Path()

    def step(self, now: int) -> None:
        """What the link does in this instant, every 200 ms."""
        bedside = self._bedside
        if now % STEP_MS:
            return
        if self._journal != bedside.journal_path or not bedside.powered:
            self._let_die()
        if self._link is None and bedside.powered and bedside.journal_path.exists():
            self._start(self._gateway())
        if self._link is not None:
            self._link.step(bedside.core_ms)
        bedside.link_reads = self._link is not None and self._feed.is_read

    def settle(self) -> None:
        """Afterwards: every gateway that was here, a sound broker, and time."""
        bedside = self._bedside
        bedside.broker.heal()
        for gateway in self._gateways.values():
            self._let_die()
            link = self._start(gateway)
            end_ms = bedside.now + _SETTLE_MS
            while bedside.now < end_ms and self._owed(gateway):
                bedside.clock.ms += STEP_MS
                link.step(bedside.core_ms)
        self._let_die()

    def missing(self) -> list[str]:
        """Events that the archive does not have as the journal has them, by message id."""
        missing = set(self._bedside.broker.contradicted)
        for gateway in self._gateways.values():
            missing.update(self._owed(gateway))
        return sorted(missing)

    def _owed(self, gateway: _Gateway) -> list[str]:
        """The ids of the journal's events that the archive does not have, word for word."""
        site, kept = gateway.config.site, self._bedside.broker.kept
        place = Place(site.site, site.ward, site.device)
        owed = []
        with JournalReader.open(gateway.journal) as reader:
            for row in reader.rows(kind="event"):
                told = msgspec.json.decode(encode_event(place, row, replay=False)[1], type=dict[str, Any])
                told.pop("replay")
                if kept.get(told["id"]) != told:
                    owed.append(told["id"])
        return owed

    def _gateway(self) -> _Gateway:
        bedside = self._bedside
        return self._gateways.setdefault(bedside.journal_path, _Gateway(bedside.config, bedside.journal_path))

    def _start(self, gateway: _Gateway) -> Link:
        bedside = self._bedside
        self._journal = gateway.journal
        self._reader = JournalReader.open(gateway.journal)
        self._feed = MemoryFeed(bedside)
        self._link = Link(
            gateway.config,
            bedside.clock,
            __version__,
            Backlog(self._reader),
            gateway.cursor,
            self._feed,
            lambda *_: BrokerConnection(bedside.broker, lambda: bedside.now),
        )
        return self._link

    def _let_die(self) -> None:
        """The process is gone without a word; its broker hears nothing more."""
        if self._reader is not None:
            self._reader.close()
        self._link = self._reader = None
