"""The wire of one RehaStim2: who is there, what went over it, packet numbers, the stop that stays wanted.

Theory of operation
-------------------
``drivers.rehastim2`` decides what is said; this file says it.  A ``Link`` numbers what is sent, answers Init,
knows the device and counts.  A ``Stop`` stays open from the word until the device has answered one of its
frames with ok; an answer to an older stop proves nothing.  A ``Pending`` is the one request on its way.

Units: ms of the caller's clock.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers import sciencemode2 as wire
from drivers.host import Counters, Identity
from drivers.rehastim2_pulses import DEVICE, Setting

STOP_REPEAT_MS = 100
NOISE_BYTES = 512
"""So many bytes without one valid frame are another device, or another line setting."""

MODEL = "ScienceMode 2 stimulator (RehaStim2)"

_STOPS_KEPT = 8


class Pending(NamedTuple):
    """A request on its way. ``setting`` is what a start or a channel list is for."""

    number: int
    command: int
    sent_ms: int
    setting: Setting | None = None
    by_caller: bool = False
    tries: int = 1


class Stop:
    """A stop that is wanted until the device has said that it stopped."""

    def __init__(self) -> None:
        self.is_open = False
        self.by_caller = False
        self.tries = 0
        self.sent_ms = 0
        self._numbers: list[int] = []

    def want(self, by_caller: bool) -> None:
        """Say it now, or go on saying it."""
        if not self.is_open:
            self.is_open, self.by_caller, self.tries = True, False, 0
            self._numbers = []
        self.by_caller = self.by_caller or by_caller

    def is_due(self, now_ms: int) -> bool:
        """Whether it is to be said now."""
        return self.is_open and (not self.tries or now_ms - self.sent_ms >= STOP_REPEAT_MS)

    def sent(self, number: int, now_ms: int) -> None:
        """It went out under this number."""
        self._numbers = [*self._numbers[1 - _STOPS_KEPT :], number]
        self.tries += 1
        self.sent_ms = now_ms

    def is_answered_by(self, number: int) -> bool:
        """Whether this is the number of one of its frames."""
        return self.is_open and number in self._numbers


class Link:
    """Counters beside those of the house: ``invalid`` (frames that no device sends, or of another layout),
    ``unexpected`` (answers that nobody waited for any more), ``retries``.
    """

    def __init__(self) -> None:
        self.last_valid_ms: int | None = None
        self.sent_ms: int | None = None
        self.number = 0xFF
        self.identity: Identity | None = None
        self.invalid = 0
        self.unexpected = 0
        self.retries = 0
        self._decoder = wire.Decoder()
        self._frames = 0
        self._bytes = 0
        self._round_trip_ms: int | None = None
        self._wrong_version: int | None = None
        self._owes_init_ack = False
        self._conversing = False

    @property
    def refusal(self) -> str:
        """Why this is no device for this driver."""
        if self._wrong_version is not None:
            return (
                f"{DEVICE}: the device speaks version {self._wrong_version} of ScienceMode 2, this driver "
                f"version {wire.PROTOCOL_VERSION}. Use a device with that version."
            )
        if not self._frames and self._bytes >= NOISE_BYTES:
            return (
                f"{DEVICE}: {self._bytes} bytes and no frame of a ScienceMode 2 device among them. "
                "Another device is on this port, or its line is set otherwise."
            )
        return ""

    @property
    def counters(self) -> Counters:
        """What went over the link; the device numbers nothing that could show a gap."""
        broken = self._decoder.resyncs + self._decoder.malformed
        return Counters(self._frames, self._decoder.checksum_errors, broken, 0, self._round_trip_ms)

    def packets(self, data: bytes) -> list[wire.Packet]:
        """What arrived, as packets."""
        self._bytes += len(data)
        return self._decoder.feed(data)

    def valid(self, now_ms: int) -> None:
        """A frame was one that this device sends: a sign of life."""
        self._frames += 1
        self.last_valid_ms = now_ms

    def answered(self, sent_ms: int, now_ms: int) -> None:
        """A request got its answer, so the device has taken our InitAck."""
        self._round_trip_ms = now_ms - sent_ms
        self._conversing = True

    def greeted(self, version: int) -> bool:
        """The device said Init; whether it restarted in the middle of a conversation."""
        restarted, self._conversing = self._conversing, False
        self.identity = Identity(MODEL, firmware=f"protocol version {version}")
        self._wrong_version = None if version == wire.PROTOCOL_VERSION else version
        self._owes_init_ack = True
        return restarted

    def greeting(self, now_ms: int) -> bytes:
        """The answer to Init, once for each."""
        if not self._owes_init_ack:
            return b""
        self._owes_init_ack = False
        result = wire.OK if self._wrong_version is None else wire.INCOMPATIBLE_VERSION
        return self.send(lambda number: wire.encode_init_ack(number, result), now_ms)

    def send(self, encode: Callable[[int], bytes], now_ms: int) -> bytes:
        """The frame under the next number."""
        self.number = (self.number + 1) & 0xFF
        self.sent_ms = now_ms
        return encode(self.number)
