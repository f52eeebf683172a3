"""The simulated force/EMG hub: the firmware's own code over simulated sensors, sans-IO.

Theory of operation
-------------------
``step(now_ms, received)`` takes what the host sent and returns the bytes that leave the hub's port at that
instant. Answers, packets, counters and time-outs are those of ``firmware_bridge.hub_mcu.device``, which runs
on the board; only the sensors are made up here.  They sample by the time they are given: a step that comes
late finds all frames that the sensors have taken meanwhile, as a ring of a DMA does, and what no longer fits
is lost and told.

``Source`` says what there is to measure, in the unit of the stream, frame by frame; ``Leg`` is one: a muscle
whose EMG and force follow its ``activation``, and a pulse.  Counts follow from scale and zero; what does not
fit stands at the end of the scale and is flagged.  An electrode without contact picks up the mains.

Faults: ``SensorFaults`` for the sensors; ``silent`` (the hub's port says nothing), ``reset`` (power was
gone), and a ``hello`` that a test may exchange.

Units: us and ms of the time given; uV, N and counts.
"""

import math
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge import hub
from firmware_bridge.hub_mcu.board import Board
from firmware_bridge.hub_mcu.device import Device

MOST_WAITING = 64
"""Blocks of a stream that a sensor keeps: 128 ms of the full load."""

_MAINS_UV = 3000.0
_MAINS_HZ = 50.0
_FLAGS = {
    hub.EMG: hub.EMG_SATURATED,
    hub.FORCE: hub.FORCE_SATURATED,
    hub.PPG: hub.PPG_SATURATED,
    hub.NIRS: hub.NIRS_SATURATED,
}

_EMG_CHANNEL = hub.Channel(0, 200, -3)
_FORCE_CHANNEL = hub.Channel(8192, 117_000, -9)
_LIGHT_CHANNEL = hub.Channel(0, 1, 0)


@dataclass(frozen=True, slots=True)
class Sensors:
    """What is connected to a hub, and how often it sends."""

    period_us: int
    streams: tuple[hub.Stream, ...]


FULL = Sensors(
    2000,
    (
        hub.Stream(hub.EMG, 1, 2, 4, 2_000_000, (_EMG_CHANNEL,) * 8),
        hub.Stream(hub.FORCE, 2, 3, 2, 1_000_000, (_FORCE_CHANNEL,)),
        hub.Stream(hub.PPG, 0, 3, 1, 500_000, (_LIGHT_CHANNEL,)),
        hub.Stream(hub.NIRS, 0, 3, 1, 50_000, (_LIGHT_CHANNEL,) * 4),
    ),
)
"""The full load: 8 EMG channels at 2 kHz, force at 1 kHz, PPG at 500 Hz, light of two wavelengths at two
distances at 50 Hz."""

LOAD_CELL = Sensors(12_500, (hub.Stream(hub.FORCE, 2, 3, 1, 80_000, (_FORCE_CHANNEL,)),))
"""An HX711 at 80 samples a second and nothing else."""

SMALL = Sensors(
    2000,
    (
        hub.Stream(hub.EMG, 1, 2, 4, 2_000_000, (_EMG_CHANNEL,) * 3),
        hub.Stream(hub.FORCE, 2, 3, 1, 80_000, (_FORCE_CHANNEL,)),
    ),
)
"""What an RP2040 does by itself: three EMG channels, and an HX711."""

Source = Callable[[int, int, int], Sequence[float]]
"""Kind of the stream, time in us, number of channels: one frame, in the stream's unit."""


class Leg:
    """A muscle, a load cell and a finger. ``activation`` is 0 to 1."""

    def __init__(self, seed: str = "leg", force_n: float = 150.0, heart_rate_hz: float = 1.2) -> None:
        self.activation = 0.0
        self._force_n = force_n
        self._heart_rate_hz = heart_rate_hz
        self._draw = random.Random(seed).gauss

    def __call__(self, kind: int, at_us: int, channels: int) -> Sequence[float]:
        """One frame: noise that grows with the activation, the force, or the pulse in the light."""
        if kind == hub.EMG:
            spread_uv = 5.0 + 300.0 * self.activation
            return [self._draw(0.0, spread_uv) for _ in range(channels)]
        if kind == hub.FORCE:
            return [self._force_n * self.activation + self._draw(0.0, 0.05) for _ in range(channels)]
        phase = at_us * 1e-6 * self._heart_rate_hz % 1.0
        return [100_000.0 + 2000.0 * math.exp(-phase * 4.0) * math.sin(math.pi * phase)] * channels


@dataclass(slots=True)
class SensorFaults:
    """What is wrong with the sensors now. ``electrodes_off``: bit 0 is channel 1 of the EMG."""

    electrodes_off: int = 0
    force_silent: bool = False
    sampling_stopped: bool = False


class _Sensor:
    """One stream: what was sampled and is not taken yet."""

    def __init__(self, stream: hub.Stream, source: Source, faults: SensorFaults) -> None:
        self.stream = stream
        self.waiting = b""
        self.lost = 0
        self.saturated = False
        self.sampled = 0
        self._source = source
        self._faults = faults
        bits = 8 * stream.sample_bytes
        self._ends = -(1 << bits - 1), (1 << bits - 1) - 1

    def sample(self, since_us: int, now_us: int) -> None:
        """Take all frames that are due, unless the converter stands still."""
        due = (now_us - since_us) * self.stream.rate_mhz // 1_000_000_000
        parts = [self.waiting]
        silent = self._faults.sampling_stopped or (
            self.stream.kind == hub.FORCE and self._faults.force_silent
        )
        for index in range(self.sampled, due if not silent else self.sampled):
            parts.append(self._frame(since_us + index * 1_000_000_000 // self.stream.rate_mhz))
        self.sampled = due
        self.waiting = b"".join(parts)
        self._drop()

    def _drop(self) -> None:
        size = hub.block_bytes(self.stream)
        over = len(self.waiting) // size - MOST_WAITING
        if over > 0:
            self.waiting = self.waiting[over * size :]
            self.lost += over * self.stream.frames

    def _frame(self, at_us: int) -> bytes:
        stream = self.stream
        values = list(self._source(stream.kind, at_us, len(stream.channels)))
        if stream.kind == hub.EMG and self._faults.electrodes_off:
            mains_uv = _MAINS_UV * math.sin(2.0 * math.pi * _MAINS_HZ * at_us * 1e-6)
            off = self._faults.electrodes_off
            values = [mains_uv if off >> index & 1 else value for index, value in enumerate(values)]
        counts = [self._count(value, channel) for value, channel in zip(values, stream.channels, strict=True)]
        return b"".join(struct.pack("<i", count)[: stream.sample_bytes] for count in counts)

    def _count(self, value: float, channel: hub.Channel) -> int:
        count = round(value / (channel.scale * 10.0**channel.exponent)) + channel.zero_count
        clipped: int = min(max(count, self._ends[0]), self._ends[1])
        self.saturated |= clipped in self._ends
        return clipped


class SimulatedBoard(Board):
    """Sensors that sample by a time that is handed in."""

    def __init__(self, sensors: Sensors, source: Source, faults: SensorFaults) -> None:
        self.period_us = sensors.period_us
        self.streams = sensors.streams
        self.now_us = 0
        self._source = source
        self._faults = faults
        self._since_us = 0
        self._sensors: dict[int, _Sensor] = {}

    def start(self, wanted: int) -> None:
        """Sample these from now on."""
        self._since_us = self.now_us
        self._sensors = {
            number: _Sensor(stream, self._source, self._faults)
            for number, stream in enumerate(self.streams)
            if wanted >> number & 1
        }

    def stop(self) -> None:
        """Sample nothing."""
        self._sensors = {}

    def poll(self) -> None:
        """Sample up to now."""
        for sensor in self._sensors.values():
            sensor.sample(self._since_us, self.now_us)

    def waiting(self, number: int) -> int:
        """Whole blocks that wait."""
        sensor = self._sensors.get(number)
        return 0 if sensor is None else len(sensor.waiting) // hub.block_bytes(sensor.stream)

    def take(self, number: int) -> bytes:
        """The oldest block."""
        sensor = self._sensors[number]
        size = hub.block_bytes(sensor.stream)
        data, sensor.waiting = sensor.waiting[:size], sensor.waiting[size:]
        return data

    def lost(self, number: int) -> int:
        """Frames that no longer fitted, told once."""
        sensor = self._sensors[number]
        lost, sensor.lost = sensor.lost, 0
        return lost

    def flags(self) -> int:
        """Ends of scales, and converters that stand still."""
        flags = hub.FORCE_NOT_READY if self._faults.force_silent else 0
        flags |= hub.SENSOR_FAULT if self._faults.sampling_stopped else 0
        for sensor in self._sensors.values():
            flags |= _FLAGS[sensor.stream.kind] if sensor.saturated else 0
            sensor.saturated = False
        return flags

    def electrodes_off(self) -> int:
        """As the faults say."""
        return self._faults.electrodes_off


class SimulatedHub:
    """A hub at the far end of a wire."""

    def __init__(
        self, source: Source, sensors: Sensors = FULL, serial: bytes = b"SIM-HUB-1", nonce: int = 1
    ) -> None:
        self.faults = SensorFaults()
        self.silent = False
        self._source = source
        self._sensors = sensors
        self._serial = serial
        self._nonce = nonce
        self._make(0)

    @property
    def streaming(self) -> bool:
        """Whether it samples and sends."""
        return bool(self.device.wanted)

    def step(self, now_ms: int, received: bytes = b"") -> bytes:
        """What it sends at this instant."""
        self.board.now_us = 1000 * now_ms
        self.device.receive(received, now_ms)
        self.device.step(now_ms, 1000 * now_ms % hub.DEVICE_US_PERIOD)
        data = self.device.outgoing()
        return b"" if self.silent else data

    def reset(self, now_ms: int, sensors: Sensors | None = None) -> None:
        """Power was gone; it may have come back with other sensors."""
        self._sensors = self._sensors if sensors is None else sensors
        self._nonce += 1
        self._make(now_ms)

    def _make(self, now_ms: int) -> None:
        self.board = SimulatedBoard(self._sensors, self._source, self.faults)
        self.board.now_us = 1000 * now_ms
        self.device = Device(self.board, now_ms, self._nonce, self._serial, b"simulated")
