"""The link process: journal and live feed in, MQTT out.

Theory of operation
-------------------
One loop in one thread.  Each turn it reads core's feed, polls the MQTT connection, asks the
``Window`` what to send and saves the cursor, then waits for bytes, at most 200 ms.  It holds no
lock, opens the journal for reading only and never subscribes; whatever happens to the broker, core
does not notice.

States: *waiting for the journal* (core never ran here); *off* until the next attempt is due;
*connecting*; *on*.  A connection that is lost, refused or silent leads to *off* with a pause
(``reconnect``).  When core starts anew its boot number changes: the link says goodbye and connects at once,
because the Will of a connection cannot be changed and must carry the boot of what it mourns.

A broker that died has forgotten its subscribers unless it keeps sessions on disk, and MQTT 3.1.1 and some
MQTT 5 brokers acknowledge what nobody hears.  So after a connection was lost, events wait 5 s on the new
one: the subscribers, who lost the same broker, come back first.

A link that has had no broker for 30 s stops reading the feed.  That is all that it can tell core, and
enough: core alarms at the bedside when nobody reads it.

SIGTERM (``stop``): status "stopped", wait at most 2 s for its answer, disconnect, save the cursor.

Times are ms of the clock that is handed in.
"""

import logging
import select
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from gateway.config import Config
from gateway.record.errors import JournalMissing
from gateway.record.reader import JournalReader
from gateway.record.row import Stamp
from gateway.ward.backlog import Backlog
from gateway.ward.cursor import CursorFile, cursor_of
from gateway.ward.errors import WardError
from gateway.ward.feed import FeedReader
from gateway.ward.health import EXPIRY_S as HEALTH_EXPIRY_S
from gateway.ward.health import HealthRounds
from gateway.ward.lived import Lived
from gateway.ward.messages import Feed, encode_event, status_topic
from gateway.ward.mqtt import Answered, Connected, Connection, Happening, Lost
from gateway.ward.presence import BIRTH_FACTS, CORE_LOST_MS, Presence
from gateway.ward.reconnect import Backoff, ProtocolChoice
from gateway.ward.surroundings import Clock, Dial, Keeping, Live, Wire
from gateway.ward.window import Command, Reconnect, SendEvent, SendRetained, Window

TURN_S = 0.2
SAVE_MS = 1000
GOODBYE_MS = 2000
RETURN_MS = 5000
UNHEARD_MS = 30_000
STATE_EXPIRY_S = 10
JOURNAL = "journal.db"
FEED_SOCKET = "feed.sock"
CURSOR = "cursor.json"

_log = logging.getLogger("rvos.link")


def run_link(config: Config, *, clock: Clock, version: str, ready: Callable[[], None], stop: Event) -> None:
    """Publish until ``stop`` is set.  ``ready`` is called once the cursor is held.

    Raises ``WardError`` or ``RecordError`` with one line for the technician.
    """
    with ExitStack() as ending:
        cursor_file = ending.enter_context(CursorFile(Path(config.link.state_dir) / CURSOR))
        cursor_file.load()  # a cursor that cannot be read is told now, not when core first starts
        ready()
        reader = _await_journal(Path(config.core.state_dir) / JOURNAL, config.site.device, stop)
        if reader is None:
            return
        ending.callback(reader.close)
        feed = FeedReader(Path(config.core.runtime_dir) / FEED_SOCKET, clock.now_ms())
        link = Link(config, clock, version, Backlog(reader), cursor_file, feed)
        ending.callback(link.close)
        while not stop.is_set():
            link.turn()
        link.say_goodbye()


def _await_journal(path: Path, device: str, stop: Event) -> JournalReader | None:
    """The journal, once core has made it."""
    told = False
    while not stop.is_set():
        try:
            reader = JournalReader.open(path)
        except JournalMissing as error:
            if not told:
                _log.warning("%s", error)
            told = True
            stop.wait(1.0)
            continue
        if reader.device != device:
            reader.close()
            raise WardError(f"{path}: the journal of {reader.device!r}, but site.device is {device!r}")
        return reader
    return None


class Link:
    """Everything between the journal and the broker."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        version: str,
        backlog: Backlog,
        keeping: Keeping,
        feed: Live,
        dial: Dial = Connection,
    ) -> None:
        now_ms = clock.now_ms()
        cursor = keeping.load()
        self._config = config
        self._clock = clock
        self._backlog = backlog
        self._keeping = keeping
        self._window = Window(backlog.position(cursor))
        self._presence = Presence(config, version, backlog, self._window.retained, cursor.alarms)
        self._feed = feed
        self._dial = dial
        self._has_heard_core = False
        self._has_lost = False
        self._heard_broker_ms = now_ms
        self._connection: Wire | None = None
        self._protocol = ProtocolChoice(config.mqtt.protocol)
        self._backoff = Backoff(config.site.device)
        self._due_ms = now_ms
        self._saved = cursor
        self._saved_ms = now_ms
        self._lived = Lived(now_ms)
        self._rounds = HealthRounds()

    def turn(self) -> None:
        """One turn of the loop, then wait for bytes."""
        self.step(self._clock.now_ms())
        self._wait()

    def step(self, now_ms: int) -> None:
        """One turn of the loop; waits for nothing."""
        self._rest_or_wake(now_ms)
        for feed in self._feed.poll(now_ms):
            self._take_feed(feed, now_ms)
        self._beat(now_ms)
        self._move(now_ms)
        if now_ms - self._saved_ms >= SAVE_MS:
            self._save(now_ms)

    def say_goodbye(self) -> None:
        """Leave the status "stopped" behind, if the broker answers within 2 s."""
        topic = status_topic(self._presence.place)
        deadline_ms = self._clock.now_ms() + GOODBYE_MS
        self._presence.beat("stopped", self._stamp(self._clock.now_ms()))
        while self._window.is_connected and self._clock.now_ms() < deadline_ms:
            self._move(self._clock.now_ms())
            if self._window.retained.is_quiet(topic):
                break
            self._wait()

    def close(self) -> None:
        """Hang up and keep the position."""
        self._hang_up()
        self._feed.close()
        self._save(self._clock.now_ms())

    def _rest_or_wake(self, now_ms: int) -> None:
        if self._window.is_connected:
            self._heard_broker_ms = now_ms
            self._feed.wake(now_ms)
        elif now_ms - self._heard_broker_ms >= UNHEARD_MS:
            self._feed.rest()

    def _take_feed(self, feed: Feed, now_ms: int) -> None:
        self._has_heard_core = True
        if feed.boot != self._presence.boot:
            _log.info("core runs anew: boot %d", feed.boot)
            self._presence.rebooted(feed.boot)
            self._hang_up()
            self._due_ms = now_ms
        stamp = self._stamp(now_ms)
        self._presence.show_alarms(feed, stamp, lambda: self._save(now_ms))
        if self._window.is_connected and self._connection is not None:
            self._show(self._connection, feed, stamp)

    def _show(self, connection: Wire, feed: Feed, stamp: Stamp) -> None:
        """The live state, and the health of those devices whose turn it is."""
        topic, payload = self._presence.live(feed.state, stamp)
        connection.publish(topic, payload, token=None, retain=True, expiry_s=STATE_EXPIRY_S)
        for device in self._rounds.due(feed.devices, stamp.mono_ms):
            topic, payload = self._presence.health(device, stamp)
            connection.publish(topic, payload, token=None, retain=True, expiry_s=HEALTH_EXPIRY_S)

    def _beat(self, now_ms: int) -> None:
        """The status, as soon as it is known whether core is there."""
        if self._feed.age_ms(now_ms) > CORE_LOST_MS:
            self._presence.beat("core_lost", self._stamp(now_ms))
        elif self._has_heard_core:
            self._presence.beat("ready", self._stamp(now_ms))

    def _move(self, now_ms: int) -> None:
        """Hear what the broker says, then send what may be sent."""
        self._lived.turn(now_ms)
        if self._connection is None and now_ms >= self._due_ms:
            will = self._presence.will(self._stamp(now_ms))
            device = self._config.site.device
            self._connection = self._dial(self._config.mqtt, self._protocol.version, device, will)
        for happening in [] if self._connection is None else self._connection.poll():
            self._take_happening(happening, now_ms)
        for command in self._window.step(self._lived.ms, self._backlog.newest()):
            self._carry_out(command, now_ms)

    def _take_happening(self, happening: Happening, now_ms: int) -> None:
        match happening:
            case Answered(token, reason):
                self._window.answered(token, reason, self._lived.ms)
            case Connected(receive_maximum):
                _log.info("connected, MQTT %s, %d at once", self._protocol.version, receive_maximum)
                self._protocol.understood()
                self._backoff.connected(now_ms)
                self._presence.bear(self._stamp(now_ms))
                self._rounds.begin()
                events_from_ms = self._lived.ms + RETURN_MS if self._has_lost else self._lived.ms
                self._window.connected(receive_maximum, self._backlog.newest(), events_from_ms)
            case Lost(reason, is_version):
                if is_version:
                    self._protocol.not_understood()
                self._lose(reason, now_ms)

    def _carry_out(self, command: Command, now_ms: int) -> None:
        if isinstance(command, Reconnect):
            self._lose(command.reason, now_ms)
        elif self._connection is not None:
            self._send(self._connection, command, now_ms)

    def _send(self, connection: Wire, command: SendEvent | SendRetained, now_ms: int) -> None:
        if isinstance(command, SendRetained):
            connection.publish(command.topic, command.payload, token=command.token, retain=True)
            return
        row = self._backlog.event(command.seq)
        topic, payload = encode_event(self._presence.place, row, replay=command.replay)
        connection.publish(topic, payload, token=command.token, retain=False)
        if row.type in BIRTH_FACTS and row.stamp.boot == self._presence.boot:
            self._presence.bear(self._stamp(now_ms))

    def _lose(self, reason: str, now_ms: int) -> None:
        self._has_lost = self._has_lost or self._window.is_connected
        self._hang_up()
        self._due_ms = self._backoff.lost(now_ms)
        _log.warning("no broker: %s; next attempt in %.1f s", reason, (self._due_ms - now_ms) / 1000)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._window.disconnected()

    def _save(self, now_ms: int) -> None:
        """Keep the position, if it changed."""
        self._saved_ms = now_ms
        self._presence.forget_cleared()
        position = self._window.position
        settled = position.settled_through
        is_same = settled == self._saved.settled_through
        journal = self._saved.journal if is_same else self._backlog.digest(settled)
        cursor = cursor_of(position, journal, self._presence.alarms)
        if cursor != self._saved:
            self._keeping.save(cursor)
            self._saved = cursor

    def _stamp(self, now_ms: int) -> Stamp:
        return self._clock.stamp(self._presence.boot, now_ms)

    def _wait(self) -> None:
        """Until bytes come or the turn is over."""
        broker = None if self._connection is None else self._connection.descriptor
        readable = [one for one in (self._feed.descriptor, broker) if one is not None]
        is_blocked = self._connection is not None and self._connection.wants_write
        writable = [broker] if broker is not None and is_blocked else []
        select.select(readable, writable, [], TURN_S)
