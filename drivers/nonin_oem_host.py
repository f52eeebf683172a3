"""The gateway's side of a Nonin OEM III or Xpod: the pulse wave as a stream, the values as events. Sans-IO.

Theory of operation
-------------------
One ``NoninOemHost`` belongs to one open port.  The module talks by itself, 75 frames a second; the host
listens.  Identity comes from the first whole packet (its firmware revision; the protocol tells no serial
number and no model).  Nothing is given out before it.

A module that sends the other format, or nothing, for 2 s is asked for the wanted one, three times, 2 s apart;
a module that already sends it is never written to.  *That the module takes this command is unconfirmed*
(``drivers.nonin_oem``).  One that goes on sending the other format after that is refused with the reason: set
it at the module, or in the configuration.  One that is silent is listened to for ever.

``Block``: the pulse wave, in the module's own unit, and beside it each frame's status byte, so that artefacts
stay with the wave that they spoil.  ``Values``: three times a second, ``None`` where the module has none, and
no number at all while its sensor is off.  The module goes on sending numbers during artefacts and while it is
out of track; they are passed on with the flag, for the reader to judge.

Units: ms of the clock handed in; beats a minute; percent.
"""

from typing import NamedTuple

from drivers import nonin_oem
from drivers.blocks import Blocks
from drivers.host import Channel, Counters, Identity, Line, Stream
from drivers.sensor_events import Trouble

PULSE = "nonin_pulse"

LISTEN_MS = 2_000
MOST_REQUESTS = 3

PERFUSIONS = {
    nonin_oem.GREEN_PERFUSION: "good",
    nonin_oem.PERFUSION: "marginal",
    nonin_oem.RED_PERFUSION: "low",
}


class Values(NamedTuple):
    """One packet, a third of a second.

    ``heart_rate`` and ``saturation`` are averages over four beats; ``saturation_fast`` is the module's fast
    average, ``saturation_beat`` the newest beat alone.  ``perfusion``: good, marginal, low; empty if no beat
    was marked.
    """

    heart_rate: int | None
    saturation: int | None
    saturation_fast: int | None
    saturation_beat: int | None
    sensor_disconnected: bool
    artefact: bool
    out_of_track: bool
    sensor_alarm: bool
    low_battery: bool
    perfusion: str
    arrived_ms: int


class FormatAnswer(NamedTuple):
    """What the module said to the request for a format."""

    accepted: bool


class NoninOemHost:
    """``data_format`` is 2 (8-bit pulse wave) or 7 (16-bit). Raises ``ValueError`` for another."""

    line = Line(nonin_oem.BAUDRATE)

    def __init__(self, data_format: int = nonin_oem.FORMAT_7) -> None:
        self._format = data_format
        self._frames = nonin_oem.Decoder(data_format)
        self._other = nonin_oem.Decoder(_other_than(data_format))
        self._select = nonin_oem.encode_select(data_format)
        self._bytes = 3 if data_format == nonin_oem.FORMAT_7 else 2
        self._blocks = Blocks(PULSE)
        self._requests = 0
        self._is_due = False
        self._is_silenced = False
        self._asked_ms: int | None = None
        self._since_ms: int | None = None
        self._round_trip_ms: int | None = None
        self._events: list[object] = []
        self.streams = (_stream(self._bytes),)
        self.last_valid_ms: int | None = None
        self.identity: Identity | None = None
        self.refusal = ""

    @property
    def counters(self) -> Counters:
        """``checksum_errors`` are frames that were none where one was due."""
        frames = self._frames
        return Counters(frames.frames, frames.damaged, frames.resyncs, frames.gaps, self._round_trip_ms)

    def stop(self) -> None:
        """Send nothing any more; the module has no word for it and goes on."""
        self._is_silenced, self._is_due = True, False

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What ``data``, and the time that passed, have brought: ``Block``, ``Values``, ``Trouble``."""
        if self._since_ms is None:
            self._since_ms = now_ms
        arrived = self._frames.feed(data)
        for told in arrived:
            self._take(told, now_ms)
        if not arrived:
            self._other.feed(data)
        self._events += self._blocks.take(now_ms)
        self._watch(now_ms)
        events, self._events = self._events, []
        return [] if self.refusal else events

    def outgoing(self, now_ms: int) -> bytes:
        """A request for the wanted format, when the module does not send it by itself."""
        if not self._is_due:
            return b""
        self._is_due, self._asked_ms = False, now_ms
        return self._select

    def _take(self, told: nonin_oem.Frame | nonin_oem.Packet | nonin_oem.Answer, now_ms: int) -> None:
        if isinstance(told, nonin_oem.Answer):
            self._answered(told, now_ms)
            return
        self.last_valid_ms = self._since_ms = now_ms
        if isinstance(told, nonin_oem.Packet):
            self._requests = 0
            self._take_values(told, now_ms)
        elif self.identity is not None:
            frame = told.pleth.to_bytes(self._bytes, "little") + told.status.to_bytes(self._bytes, "little")
            self._blocks.add(frame, told.missing)

    def _take_values(self, packet: nonin_oem.Packet, now_ms: int) -> None:
        if self.identity is None:
            self.identity = Identity("Nonin OEM", "", str(packet.revision))
        self._events.append(_values(packet, now_ms))

    def _answered(self, answer: nonin_oem.Answer, now_ms: int) -> None:
        """An answer to nobody is a byte of noise."""
        if self._asked_ms is None:
            return
        self._round_trip_ms, self._asked_ms = now_ms - self._asked_ms, None
        self._events.append(FormatAnswer(answer.accepted))

    def _watch(self, now_ms: int) -> None:
        if self._since_ms is None or now_ms - self._since_ms < LISTEN_MS or self.refusal:
            return
        sends_other = self._other.frames > 0
        self._since_ms = now_ms
        if self._requests < MOST_REQUESTS and not self._is_silenced:
            self._requests += 1
            self._is_due = True
            self._events.append(Trouble(_trouble(self._format, sends_other)))
        elif sends_other:
            self.refusal = f"not a module for this setting: {_trouble(self._format, sends_other)}"
        self._other = nonin_oem.Decoder(_other_than(self._format))


def _other_than(data_format: int) -> int:
    return nonin_oem.FORMAT_2 if data_format == nonin_oem.FORMAT_7 else nonin_oem.FORMAT_7


def _trouble(data_format: int, sends_other: bool) -> str:
    if sends_other:
        other = _other_than(data_format)
        return f"it sends data format {other}, not {data_format}: set one at the module or the other here"
    return f"no frame of data format {data_format} for {LISTEN_MS // 1000} s: look at cable and power"


def _stream(sample_bytes: int) -> Stream:
    channels = (Channel("pulse_wave", ""), Channel("pulse_status", ""))
    return Stream(PULSE, nonin_oem.RATE_HZ, f"int{8 * sample_bytes}", channels)


def _values(packet: nonin_oem.Packet, now_ms: int) -> Values:
    trouble = packet.trouble
    is_off = bool(trouble & nonin_oem.SENSOR_DISCONNECTED)
    numbers = (packet.heart_rate, packet.spo2, packet.spo2_fast, packet.spo2_beat)
    heart_rate, saturation, fast, beat = (None,) * 4 if is_off else numbers
    return Values(
        heart_rate,
        saturation,
        fast,
        beat,
        is_off,
        bool(trouble & nonin_oem.ARTEFACT),
        bool(trouble & nonin_oem.OUT_OF_TRACK),
        bool(trouble & nonin_oem.SENSOR_ALARM),
        bool(packet.stat2 & nonin_oem.LOW_BATTERY),
        PERFUSIONS.get(packet.perfusion, ""),
        now_ms,
    )
