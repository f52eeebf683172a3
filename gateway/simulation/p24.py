"""A simulated P24 stimulator, sans-IO: low level, mid level, and what can be wrong with it.

Theory of operation
-------------------
``step(data, now_ms)`` takes what arrived and returns what leaves the device.  Requests are done one after the
other, up to ten wait; each takes its time (an init 80 ms, a stop 40 ms) and is answered when it is done, with
its own number.  The device is in one mode at a time; a request of another mode is "not initialised".

Mid level: an update starts and changes the pulses.  **Two seconds after the last update or request for the
current data it pauses, and the next update makes it go on**; ``pauses`` and ``resumes`` count both, and
``resumes`` is what no host of ours may cause.  Low level: a pulse for each request, ``single_pulses`` counts
them.  A stop of the mode ends its pulses at once and switches the high voltage off.

``lead`` says what resistance the device sees on a channel.  From 15 mA on a resistance above ``OPEN_OHM`` is
an electrode that is off; a current that 150 V cannot drive is "the current is not reached".  The channel ends
its pulses, all do if the init said so, and the state stays until the next update.

``trains`` is what it gives now, one for each channel, in the terms of the muscle; ``faults`` what is wrong.
With ``restart`` it comes back without a word, as after a loss of power.

Chosen here, for no source states it: what a stop is answered with in another mode (not initialised), that the
status after a stop is 0, that a channel whose current is not reached ends its pulses and that this too is
found from 15 mA on, the times of everything but init and stop, ``OPEN_OHM``.

Sources: ``drivers.sciencemode4``, ``drivers.sciencemode4_messages``.  Units: ms, us, uA, ohm.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers import sciencemode4
from drivers import sciencemode4_messages as messages
from drivers.p24_channels import DETECTED_FROM_UA
from drivers.sciencemode4 import Packet
from gateway.simulation.muscle import SILENT, Train

WATCHDOG_MS = 2_000
INIT_MS = 80
STOP_MS = 40
WAITING = 10
OPEN_OHM = 10_000
COMPLIANCE_V = 150

_INIT_OF = {messages.LL_INIT: messages.LOW_LEVEL, messages.ML_INIT: messages.MID_LEVEL}
_STIMULATION = range(messages.LL_INIT, messages.ML_CURRENT_DATA + 1)


@dataclass(slots=True)
class Faults:
    """What is wrong now. ``fails``: the result of a command, whatever it asks for."""

    silent: bool = False
    """It hears nothing and says nothing; its watchdog works on."""
    busy: bool = False
    runs_on: bool = False
    """It confirms a stop and obeys none, and its watchdog is dead."""
    idle: bool = False
    """It says that it stimulates, and gives nothing."""
    measures_only: bool = False
    """It is an I24: general requests are all that it knows."""
    garbage: bytes = b""
    """Stands on the line before each reply."""
    fails: dict[int, int] = field(default_factory=dict)


VERSION = messages.Version("2.0.0", "4.0.0", 0x5EED, 1, True)


@dataclass(frozen=True, slots=True)
class Plate:
    """What the device says of itself."""

    device_id: str = "P24-SIM-01"
    version: messages.Version = VERSION
    battery: tuple[int, int] = (80, 3_900)


class P24:
    """The device side of the line."""

    def __init__(
        self, now_ms: int = 0, *, plate: Plate | None = None, lead: Callable[[int], int] | None = None
    ) -> None:
        self.plate = plate or Plate()
        self.faults = Faults()
        self.pauses = 0
        self.resumes = 0
        self.updates = 0
        self.single_pulses = 0
        self.dropped = 0
        self.high_voltage = messages.HIGH_VOLTAGE_OFF
        self._lead = lead or (lambda channel: 1_000)
        self._decoder = sciencemode4.Decoder()
        self._waiting: deque[Packet] = deque()
        self._reply: tuple[int, bytes] | None = None
        self._now_ms = self._alive_ms = now_ms
        self._mode = messages.UNINITIALISED
        self._stop_all = False
        self._trains: list[messages.Train | None] = [None] * messages.CHANNELS
        self._states = [messages.CHANNEL_OK] * messages.CHANNELS
        self._paused = False
        self._doing: dict[int, Callable[[bytes], bytes | None]] = {
            messages.LL_INIT: self._init_low_level,
            messages.LL_CHANNEL_CONFIG: self._pulse,
            messages.LL_STOP: lambda data: self._stop(messages.LOW_LEVEL),
            messages.ML_INIT: self._init_mid_level,
            messages.ML_UPDATE: self._update,
            messages.ML_STOP: lambda data: self._stop(messages.MID_LEVEL),
            messages.ML_CURRENT_DATA: self._current_data,
            messages.DEVICE_ID: lambda data: messages.encode_device_id(self.plate.device_id),
            messages.EXTENDED_VERSION: lambda data: messages.encode_version(self.plate.version),
            messages.BATTERY: lambda data: messages.encode_battery(*self.plate.battery),
            messages.STIMULATION_STATUS: self._status,
            messages.RESET: self._reset,
        }

    @property
    def trains(self) -> tuple[Train, ...]:
        """What each channel gives now."""
        return tuple(SILENT if self.faults.idle else _given(train) for train in self._flowing)

    @property
    def active(self) -> int:
        """Mask of the channels that give pulses, by the device's own word."""
        return sum(1 << channel for channel, train in enumerate(self._flowing) if train is not None)

    def restart(self) -> None:
        """Power lost and back: nothing is initialised, nothing waits."""
        self._waiting.clear()
        self._reply = None
        self._end(messages.UNINITIALISED)

    def step(self, data: bytes, now_ms: int) -> bytes:
        """Live until ``now_ms`` with what arrived; what leaves the device."""
        self._now_ms = now_ms
        self._watch_itself()
        self._check_electrodes()
        for packet in self._decoder.feed(data):
            self._hear(packet)
        said = b""
        while self._is_done():
            if self._reply is not None:
                said += self.faults.garbage + self._reply[1]
                self._reply = None
            if self._waiting:
                self._begin(self._waiting.popleft())
        return b"" if self.faults.silent else said

    # --- requests --------------------------------------------------------------------------------

    def _hear(self, packet: Packet) -> None:
        if self.faults.silent:
            return
        if len(self._waiting) >= WAITING:
            self.dropped += 1
            return
        self._waiting.append(packet)

    def _is_done(self) -> bool:
        """Whether a reply is due, or nothing is being done and something waits."""
        if self._reply is not None:
            return self._now_ms >= self._reply[0]
        return bool(self._waiting)

    def _begin(self, packet: Packet) -> None:
        command, content = packet.command + 1, self._do(packet)
        if content is None:
            command, content = messages.UNKNOWN_COMMAND, bytes((messages.INVALID_COMMAND,))
        takes_ms = {messages.LL_INIT: INIT_MS, messages.ML_INIT: INIT_MS}.get(packet.command, 0)
        if packet.command in (messages.LL_STOP, messages.ML_STOP):
            takes_ms = STOP_MS
        frame = sciencemode4.encode(Packet(packet.number, command, content))
        self._reply = (self._now_ms + takes_ms, frame)

    def _do(self, packet: Packet) -> bytes | None:
        """The content of the reply; ``None`` for a command that the device does not know."""
        if self.faults.measures_only and packet.command in _STIMULATION:
            return None
        doing = self._doing.get(packet.command)
        if doing is None:
            return None
        result = self.faults.fails.get(packet.command)
        if result is None and self.faults.busy and packet.command in _STIMULATION:
            result = messages.BUSY
        return doing(packet.data) if result is None else bytes((result,))

    def _init_low_level(self, data: bytes) -> bytes:
        return self._init(messages.LL_INIT, messages.decode_ll_init(data) is not None)

    def _init_mid_level(self, data: bytes) -> bytes:
        stop_all = messages.decode_ml_init(data)
        self._stop_all = bool(stop_all)
        return self._init(messages.ML_INIT, stop_all is not None)

    def _init(self, command: int, valid: bool) -> bytes:
        mode = _INIT_OF[command]
        if not valid:
            return _result(messages.PARAMETER_ERROR)
        if self._mode not in (messages.UNINITIALISED, mode):
            return _result(messages.NOT_INITIALISED)
        self._end(mode)
        self.high_voltage = messages.HIGH_VOLTAGE_150
        return _result(messages.OK)

    def _update(self, data: bytes) -> bytes:
        trains = messages.decode_ml_update(data)
        if self._mode != messages.MID_LEVEL:
            return _result(messages.NOT_INITIALISED)
        if trains is None or not _fits(trains):
            return _result(messages.PARAMETER_ERROR)
        self.updates += 1
        self.resumes += self._paused and any(trains)
        self._paused = False
        self._alive_ms = self._now_ms
        self._trains = list(trains)
        self._states = [messages.CHANNEL_OK] * messages.CHANNELS
        self._check_electrodes()
        return _result(messages.OK)

    def _current_data(self, data: bytes) -> bytes:
        if self._mode != messages.MID_LEVEL:
            return _result(messages.NOT_INITIALISED)
        if data != bytes((messages.WHOLE_STATE,)):
            return _result(messages.PARAMETER_ERROR)
        self._alive_ms = self._now_ms
        current = messages.CurrentData(self.active, tuple(self._states), messages.OK)
        return messages.encode_current_data(current)

    def _pulse(self, data: bytes) -> bytes:
        pulse = messages.decode_ll_channel_config(data)
        if pulse is None:
            return _result(messages.PARAMETER_ERROR)
        result = messages.OK if self._mode == messages.LOW_LEVEL else messages.NOT_INITIALISED
        if result == messages.OK and pulse.execute:
            highest_ua = max(abs(point.current_ua) for point in pulse.points)
            off = self._is_off(pulse.connector * 4 + pulse.channel, highest_ua)
            result = messages.ELECTRODE_ERROR if off else messages.OK
            self.single_pulses += not off
        reply = messages.PulseReply(result, pulse.channel, pulse.connector, 0, 0, ())
        return messages.encode_pulse_reply(reply)

    def _stop(self, mode: int) -> bytes:
        if self._mode != mode:
            return _result(messages.NOT_INITIALISED)
        if not self.faults.runs_on:
            self._end(messages.UNINITIALISED)
        return _result(messages.OK)

    def _status(self, data: bytes) -> bytes:
        running = self._mode == messages.MID_LEVEL and self.active
        mode = messages.MID_LEVEL_RUNNING if running else self._mode
        return messages.encode_stimulation_status(mode, self.high_voltage)

    def _reset(self, data: bytes) -> bytes:
        self.restart()
        return _result(messages.OK)

    # --- pulses ----------------------------------------------------------------------------------

    @property
    def _flowing(self) -> list[messages.Train | None]:
        return [None] * messages.CHANNELS if self._paused else self._trains

    def _end(self, mode: int) -> None:
        """No pulses, and this mode; the high voltage is off until an init switches it on."""
        self._mode = mode
        self._paused = False
        self._trains = [None] * messages.CHANNELS
        self._states = [messages.CHANNEL_OK] * messages.CHANNELS
        self.high_voltage = messages.HIGH_VOLTAGE_OFF

    def _watch_itself(self) -> None:
        late = self._now_ms - self._alive_ms >= WATCHDOG_MS
        if late and self.active and not self.faults.runs_on:
            self._paused = True
            self.pauses += 1

    def _check_electrodes(self) -> None:
        for channel, train in enumerate(self._flowing):
            if train is not None:
                self._check(channel, max(abs(point.current_ua) for point in train.points))

    def _check(self, channel: int, current_ua: int) -> None:
        if self._is_off(channel, current_ua):
            self._states[channel] = messages.CHANNEL_ELECTRODE_OFF
        elif current_ua * self._lead(channel) > COMPLIANCE_V * 1_000_000 and current_ua >= DETECTED_FROM_UA:
            self._states[channel] = messages.CHANNEL_LOW_CURRENT
        else:
            return
        self._trains[channel] = None
        if self._stop_all:
            self._trains = [None] * messages.CHANNELS

    def _is_off(self, channel: int, current_ua: int) -> bool:
        return current_ua >= DETECTED_FROM_UA and self._lead(channel) > OPEN_OHM


def _result(result: int) -> bytes:
    return bytes((result,))


def _fits(trains: tuple[messages.Train | None, ...]) -> bool:
    """Whether the pulses of all channels leave time in their periods."""
    share = 0.0
    for train in trains:
        if train is not None:
            share += sum(point.duration_us for point in train.points) / train.period_us
    return share < 1.0


def _given(train: messages.Train | None) -> Train:
    """The train in the muscle's terms: the highest amplitude, the width of the first phase, whole Hz."""
    if train is None:
        return SILENT
    phase = train.points[0]
    highest_ua = max(abs(point.current_ua) for point in train.points)
    return Train(highest_ua, phase.duration_us, round(1_000_000 / train.period_us))
