"""A simulated RehaStim2: the device side of ScienceMode 2, with the pulses that it really gives. Sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` lives until ``now_ms``, takes what arrived at that instant and returns what the device
sends.  Modes: *start*, *initialised* (a channel list is set up), *started* (pulses flow).  Without a valid
packet for 1200 ms the stimulation stops, the mode is start again, and the device says Init every 500 ms
until somebody answers; until then it listens to nothing else.  The watchdog expires at its own instant,
however late ``step`` is called.

What reaches the electrodes stands in ``take_pulses`` (each pulse with its instant) and ``train`` (what one
channel gives now, in the terms of the simulated muscle).  As in the device, widths below 20 us are raised to
20 us and inter-pulse intervals below 8 ms to 8 ms, and each pulse is preceded by a test of its electrodes.

Faults are attributes: ``open_electrodes`` (mask), ``emergency_pressed``, ``module_failed``, ``is_deaf`` and
``is_mute`` (of the line; the device lives on), ``gives_nothing`` (it reports success and gives no pulse),
``runs_on`` (neither stop nor watchdog ends pulses), ``restart``.

``lenient`` is for one third-party client only, whose keep-alive comes up to 1.6 s late: the watchdog is 2 s.

Chosen, because the description is silent: a stop leads to mode start; a channel list in mode started and a
single pulse in mode started are refused with *wrong mode*; main intervals below 8 ms, or below 20 ms with
all eight channels, with *parameter error*; an error found at the first pulse follows the answer to its
start; a one-shot leaves the mode as it is.  Source: ScienceMode2 description v1.24.

Units: ms; instants of pulses and intervals in half ms; mA; us.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers import sciencemode2 as wire
from gateway.simulation.muscle import SILENT, Train

WATCHDOG_MS = 1200
LENIENT_WATCHDOG_MS = 2000
INIT_PERIOD_MS = 500
SHORTEST_HALF_MS = 16
SHORTEST_ALL_HALF_MS = 40
SHORTEST_WIDTH_US = 20

_PULSES_KEPT = 10_000
_ALL_CHANNELS = 0xFF


@dataclass(frozen=True, slots=True)
class Pulse:
    """One pulse in the electrodes of ``channel`` (1 to 8); ``width_us`` of one phase."""

    at_half_ms: int
    channel: int
    current_ma: int
    width_us: int


class RehaStim2:
    """The device. ``version``: what its Init says."""

    def __init__(
        self, now_ms: int = 0, *, lenient: bool = False, version: int = wire.PROTOCOL_VERSION
    ) -> None:
        self.mode = wire.MODE_START
        self.open_electrodes = 0
        self.emergency_pressed = False
        self.module_failed = False
        self.is_deaf = False
        self.is_mute = False
        self.gives_nothing = False
        self.runs_on = False
        self.frames = 0
        self._watchdog_ms = LENIENT_WATCHDOG_MS if lenient else WATCHDOG_MS
        self._version = version
        self._decoder = wire.Decoder()
        self._number = 0xFF
        self._greeted = False
        self._init_due_ms = now_ms
        self._heard_ms = now_ms
        self._channels: wire.ChannelList | None = None
        self._entries: tuple[wire.ChannelPulse, ...] = ()
        self._due_half_ms = 0
        self._interval = 0
        self._pulses: deque[Pulse] = deque(maxlen=_PULSES_KEPT)
        self._sent = b""

    # --- what the muscle sees --------------------------------------------------------------------

    def take_pulses(self) -> list[Pulse]:
        """The pulses given since the last call, oldest first."""
        pulses = list(self._pulses)
        self._pulses.clear()
        return pulses

    def train(self, channel: int) -> Train:
        """What ``channel`` (1 to 8) gives now; its frequency in whole Hz, a group counted as one pulse."""
        entry = dict(self._active()).get(channel)
        channels = self._channels
        if entry is None or channels is None or self.mode != wire.MODE_STARTED or self.gives_nothing:
            return SILENT
        skips = channels.factor if channels.low_frequency >> (channel - 1) & 1 else 0
        frequency_hz = round(2000 / (channels.main_half_ms * (skips + 1)))
        return Train(entry.current_ma * 1000, _real_width_us(entry), frequency_hz)

    # --- life ------------------------------------------------------------------------------------

    def step(self, data: bytes, now_ms: int) -> bytes:
        """Live until ``now_ms``, take ``data``; what the device sends."""
        self._live(now_ms)
        if not self.is_deaf:
            for packet in self._decoder.feed(data):
                self._take(packet, now_ms)
        self._live(now_ms)
        sent, self._sent = self._sent, b""
        return b"" if self.is_mute else sent

    def restart(self, now_ms: int) -> None:
        """Power lost and back: no memory of anybody."""
        self.mode = wire.MODE_START
        self._channels, self._entries = None, ()
        self._greeted, self._init_due_ms = False, now_ms

    def _live(self, now_ms: int) -> None:
        deadline_ms = self._heard_ms + self._watchdog_ms
        if self._greeted and now_ms >= deadline_ms and not self.runs_on:
            self._give(2 * deadline_ms)
            self.restart(deadline_ms)
        self._give(2 * now_ms)
        if not self._greeted and now_ms >= self._init_due_ms:
            self._init_due_ms = now_ms + INIT_PERIOD_MS
            self._say(lambda number: wire.encode_init(number, self._version))

    def _give(self, until_half_ms: int) -> None:
        """The pulses that are due."""
        while self.mode == wire.MODE_STARTED and self._due_half_ms <= until_half_ms:
            self._give_group()
            assert self._channels is not None
            self._due_half_ms += self._channels.main_half_ms

    def _give_group(self) -> None:
        """One main interval's pulses, each channel in its turn."""
        channels = self._channels
        assert channels is not None
        for channel, entry in self._active():
            skipped = channels.low_frequency >> (channel - 1) & 1 and self._interval % (channels.factor + 1)
            if skipped:
                continue
            if not self._electrodes_hold(channel):
                return
            for position in range(entry.mode + 1):
                at = self._due_half_ms + position * max(SHORTEST_HALF_MS, channels.inter_pulse_half_ms)
                self._give_pulse(at, channel, entry)
        self._interval += 1

    def _give_pulse(self, at_half_ms: int, channel: int, entry: wire.ChannelPulse) -> None:
        if not self.gives_nothing:
            self._pulses.append(Pulse(at_half_ms, channel, entry.current_ma, _real_width_us(entry)))

    def _electrodes_hold(self, channel: int) -> bool:
        """The test before each pulse; what fails it ends the stimulation of all channels."""
        code = self._error(channel)
        if code is None:
            return True
        self.mode = wire.MODE_START
        self._entries = ()
        self._say(lambda number: wire.encode_error(number, code))
        return False

    def _error(self, channel: int) -> int | None:
        if self.emergency_pressed:
            return wire.EMERGENCY_SWITCH
        if self.module_failed:
            return wire.MODULE_ERROR
        return wire.ELECTRODE_ERROR if self.open_electrodes >> (channel - 1) & 1 else None

    def _active(self) -> list[tuple[int, wire.ChannelPulse]]:
        """The channels in use with their entries, ascending."""
        if self._channels is None:
            return []
        numbers = [number for number in range(1, 9) if self._channels.active >> (number - 1) & 1]
        return list(zip(numbers, self._entries, strict=False))

    # --- what the PC says ------------------------------------------------------------------------

    def _take(self, packet: wire.Packet, now_ms: int) -> None:
        self._heard_ms = now_ms
        self.frames += 1
        if not self._greeted:
            self._greeted = wire.decode_result(packet, wire.INIT_ACK) == wire.OK
        elif packet.command == wire.GET_MODE:
            self._send(wire.encode_mode(packet.number, wire.OK, self.mode))
        elif packet.command in _ANSWERED:
            self._answer(packet, now_ms)
        elif packet.command not in (wire.WATCHDOG, wire.INIT_ACK):
            self._say(lambda number: wire.encode_unknown(number, packet.command))

    def _answer(self, packet: wire.Packet, now_ms: int) -> None:
        """The answer comes before what obeying has led to."""
        before, self._sent = self._sent, b""
        result = self._obey(packet, now_ms)
        self._sent = before + wire.encode_ack(packet.number, packet.command + 1, result) + self._sent

    def _obey(self, packet: wire.Packet, now_ms: int) -> int:
        if packet.command == wire.INIT_CHANNEL_LIST:
            return self._set_up(wire.decode_channel_list(packet))
        if packet.command == wire.START_CHANNEL_LIST:
            return self._start(wire.decode_start(packet), now_ms)
        if packet.command == wire.SINGLE_PULSE:
            return self._give_single(wire.decode_single_pulse(packet), now_ms)
        if not self.runs_on:
            self.mode, self._channels, self._entries = wire.MODE_START, None, ()
        return wire.OK

    def _set_up(self, channels: wire.ChannelList | None) -> int:
        if self.mode == wire.MODE_STARTED:
            return wire.WRONG_MODE
        if channels is None or not channels.active or not _is_possible(channels):
            return wire.PARAMETER_ERROR
        self.mode, self._channels, self._entries = wire.MODE_INITIALISED, channels, ()
        return wire.OK

    def _start(self, entries: tuple[wire.ChannelPulse, ...] | None, now_ms: int) -> int:
        channels = self._channels
        if self.mode == wire.MODE_START or channels is None:
            return wire.WRONG_MODE
        if entries is None or len(entries) != channels.active.bit_count():
            return wire.PARAMETER_ERROR
        if not all(_fits(entry, channels) for entry in entries):
            return wire.PARAMETER_ERROR
        self._entries = entries
        if self.mode == wire.MODE_INITIALISED:
            self._due_half_ms, self._interval = 2 * now_ms, 0
            self._begin(channels)
        return wire.OK

    def _begin(self, channels: wire.ChannelList) -> None:
        if channels.main_half_ms == wire.ONE_SHOT:
            self._give_group()
        else:
            self.mode = wire.MODE_STARTED

    def _give_single(self, pulse: wire.SinglePulse | None, now_ms: int) -> int:
        if self.mode == wire.MODE_STARTED:
            return wire.WRONG_MODE
        if pulse is None or pulse.channel >= wire.CHANNELS:
            return wire.PARAMETER_ERROR
        entry = wire.ChannelPulse(wire.SINGLE, pulse.width_us, pulse.current_ma)
        if not _is_shape(entry):
            return wire.PARAMETER_ERROR
        if self._electrodes_hold(pulse.channel + 1):
            self._give_pulse(2 * now_ms, pulse.channel + 1, entry)
        return wire.OK

    def _send(self, frame: bytes) -> None:
        self._sent += frame

    def _say(self, encode: Callable[[int], bytes]) -> None:
        """Under the device's own number."""
        self._number = (self._number + 1) & 0xFF
        self._send(encode(self._number))


_ANSWERED = (wire.INIT_CHANNEL_LIST, wire.START_CHANNEL_LIST, wire.STOP_CHANNEL_LIST, wire.SINGLE_PULSE)


def _is_possible(channels: wire.ChannelList) -> bool:
    if channels.main_half_ms == wire.ONE_SHOT:
        return True
    shortest = SHORTEST_ALL_HALF_MS if channels.active == _ALL_CHANNELS else SHORTEST_HALF_MS
    return bool(channels.main_half_ms >= shortest)


def _fits(entry: wire.ChannelPulse, channels: wire.ChannelList) -> bool:
    """Its group must end before the next one begins."""
    if entry.mode > wire.TRIPLET or not _is_shape(entry):
        return False
    if entry.mode == wire.SINGLE or channels.main_half_ms == wire.ONE_SHOT:
        return True
    group = (entry.mode + 1) * max(SHORTEST_HALF_MS, channels.inter_pulse_half_ms)
    return bool(channels.main_half_ms >= group)


def _is_shape(entry: wire.ChannelPulse) -> bool:
    return bool(entry.current_ma <= wire.HIGHEST_MA and entry.width_us <= wire.HIGHEST_WIDTH_US)


def _real_width_us(entry: wire.ChannelPulse) -> int:
    return int(max(SHORTEST_WIDTH_US, entry.width_us))
