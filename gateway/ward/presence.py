"""What the ward is told about the device itself: status, birth and alarms, all retained.

Theory of operation
-------------------
``Presence`` turns what the link knows (core's boot number, the age of the feed, the alarms in it)
into retained payloads.  Will, status and birth of one connection carry one boot number, so that a
subscriber can tell yesterday's "lost" from today's.

status    "ready" while core's feed is fresh, "core_lost" when no line came for 3 s, "stopped" at an
          orderly end of the link, "lost" as the Will.  It is sent again every 15 s: that overrides a
          Will which the broker publishes late, and its answer proves that the broker still lives
          (``outbox``).
birth     anew for each boot, and when a device of that boot has identified itself.
alarms    each while it lasts.  Ids are kept in the cursor from before the first publication until
          the deletion is settled, so that no killed link leaves an alarm standing on a dashboard.

Pure but for the journal that it reads; times are ms of one monotonic clock.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from gateway.config import Config
from gateway.record.row import Stamp
from gateway.safety.limits import FIRMWARE_LIMITS, HARD
from gateway.ward.backlog import Backlog
from gateway.ward.messages import (
    Alarm,
    Birth,
    Envelope,
    Feed,
    Health,
    Place,
    State,
    Status,
    alarm_topic,
    birth_topic,
    encode,
    envelope,
    health_topic,
    state_topic,
    status_topic,
    timestamp,
)
from gateway.ward.mqtt import Will
from gateway.ward.retained import Retained

CORE_LOST_MS = 3000
HEARTBEAT_MS = 15_000
BIRTH_FACTS = ("core_started", "device_identified")

StatusState = Literal["ready", "lost", "stopped", "core_lost"]


class Presence:
    """The retained topics of one device."""

    def __init__(
        self, config: Config, version: str, backlog: Backlog, retained: Retained, alarms: Iterable[str]
    ) -> None:
        self._config = config
        self._version = version
        self._backlog = backlog
        self._retained = retained
        self._known = set(alarms)
        self._shown: dict[str, Alarm] = {}
        self._state: StatusState | None = None
        self._since = ""
        self._beat_ms = 0
        self.place = Place(config.site.site, config.site.ward, config.site.device)
        self.boot = backlog.boot()

    @property
    def alarms(self) -> tuple[str, ...]:
        """The ids whose topics may exist on the broker: what the cursor must hold."""
        return tuple(sorted(self._known))

    def will(self, stamp: Stamp) -> Will:
        """The status "lost" of this boot, stamped when the connection was asked for."""
        return Will(status_topic(self.place), self._status("lost", timestamp(stamp.wall_ms), stamp))

    def beat(self, state: StatusState, stamp: Stamp) -> None:
        """Say how we are, when that changed or the last time is 15 s ago."""
        if state != self._state:
            self._state, self._since = state, timestamp(stamp.wall_ms)
        elif stamp.mono_ms - self._beat_ms < HEARTBEAT_MS:
            return
        self._beat_ms = stamp.mono_ms
        self._retained.put(status_topic(self.place), self._status(state, self._since, stamp))

    def _status(self, state: StatusState, since: str, stamp: Stamp) -> bytes:
        return encode(self._envelope(stamp), Status(state=state, boot=self.boot, since=since))

    def rebooted(self, boot: int) -> None:
        """Core runs anew: the next status and birth carry its number."""
        self.boot = boot
        self._state = None

    def bear(self, stamp: Stamp) -> None:
        """Say who we are."""
        self._retained.put(birth_topic(self.place), encode(self._envelope(stamp), self._birth()))

    def _birth(self) -> Birth:
        facts = self._backlog.latest(self.boot, *BIRTH_FACTS)
        core = _last(facts, "core_started")
        cuff = _last([fact for fact in facts if fact[1].get("device") == "cuff"], "device_identified")
        oximeter = self._config.oximeter
        return Birth(
            boot=self.boot,
            device=self.place.device,
            site=self.place.site,
            ward=self.place.ward,
            last_seq=self._backlog.newest(),
            link_version=self._version,
            core_version=core.get("version"),
            config_hash=core.get("config_hash"),
            limits_crc=core.get("firmware_limits_crc"),
            cuff_serial=cuff.get("serial"),
            cuff_firmware=cuff.get("firmware"),
            cuff_description=self._config.cuff.description,
            oximeter_description=None if oximeter is None else oximeter.description,
            limit_pressure_mmhg=float(self._config.cuff.ceiling_mmhg),
            limit_debt_inflation_s=HARD.debt_inflation_ms / 1000,
            limit_debt_vent_s=HARD.debt_vent_ms / 1000,
            limit_lease_s=dict(FIRMWARE_LIMITS)["lease_longest_ms"] / 1000,
        )

    def show_alarms(self, feed: Feed, stamp: Stamp, save: Callable[[], None]) -> None:
        """Retain what is in the feed, delete what is not; ``save`` makes new ids durable first."""
        current = {alarm.alarm_id: alarm for alarm in feed.alarms}
        if current.keys() - self._known:
            self._known |= current.keys()
            save()
        for alarm_id, alarm in current.items():
            if self._shown.get(alarm_id) != alarm:
                payload = encode(self._envelope(stamp, feed.state.session), alarm)
                self._retained.put(alarm_topic(self.place, alarm_id), payload)
        for alarm_id in self._known - current.keys():
            self._retained.put(alarm_topic(self.place, alarm_id), b"")
        self._shown = current

    def forget_cleared(self) -> bool:
        """Drop the ids whose deletion is settled; True when there were any."""
        topics = set(self._retained.take_cleared())
        gone = {alarm_id for alarm_id in self._known if alarm_topic(self.place, alarm_id) in topics}
        self._known -= gone
        return bool(gone)

    def live(self, state: State, stamp: Stamp) -> tuple[str, bytes]:
        """The live state as it goes out now."""
        return state_topic(self.place), encode(self._envelope(stamp, state.session), state)

    def health(self, device: Health, stamp: Stamp) -> tuple[str, bytes]:
        """How one device does, as it goes out now."""
        return health_topic(self.place, device.device), encode(self._envelope(stamp), device)

    def _envelope(self, stamp: Stamp, session: str | None = None) -> Envelope:
        return envelope(self.place, self._backlog.newest(), stamp, sid=session or "")


def _last(facts: list[tuple[str, dict[str, Any]]], type: str) -> dict[str, Any]:
    """The newest body of that type, empty when there is none."""
    return next((body for found, body in reversed(facts) if found == type), {})
