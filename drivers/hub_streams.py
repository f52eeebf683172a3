"""What a hub's streams are called, what is missing in them, and what is wrong with its sensors.

Theory of operation
-------------------
``described`` turns what a hub says of itself into the terms of ``drivers.host``: integers and powers of ten
become the scale and the offset of a channel.

``Indices`` follows the index of each stream.  An index counts modulo 65536, which 2 kHz pass in 33 s, so
after a long gap the time of the hub says how often it went round.

``Conditions`` follows the flags: what appears is told at once, what is gone only after ``HOLD_MS``, because
a signal that touches the end of its scale does so again and again.

Units: ms of the caller's clock, us of the hub's (modulo 2**30).
"""

from drivers.host import Channel, Stream
from firmware_bridge import hub as wire

HOLD_MS = 1000

CONDITIONS = {
    wire.FORCE_NOT_READY: "force not ready",
    wire.EMG_SATURATED: "emg saturated",
    wire.FORCE_SATURATED: "force saturated",
    wire.PPG_SATURATED: "ppg saturated",
    wire.NIRS_SATURATED: "nirs saturated",
    wire.SENSOR_FAULT: "sensor fault",
}

_CONDITION_BITS = sum(CONDITIONS)
_ELECTRODES_AT = 8
_SAMPLES = {2: "int16", 3: "int24", 4: "int32"}


def described(stream: wire.Stream) -> Stream:
    """The stream in the terms of a waveform file; its description has no contradiction."""
    name = wire.NAMES[stream.kind]
    unit = wire.UNITS[stream.unit]
    alone = len(stream.channels) == 1
    names = [name if alone else f"{name}_{number + 1}" for number in range(len(stream.channels))]
    channels = tuple(_channel(*named, unit) for named in zip(names, stream.channels, strict=True))
    return Stream(name, stream.rate_mhz / 1000, _SAMPLES[stream.sample_bytes], channels)


def _channel(name: str, channel: wire.Channel, unit: str) -> Channel:
    scale = float(f"{channel.scale}e{channel.exponent}")
    offset = float(f"{-channel.zero_count * channel.scale}e{channel.exponent}")
    return Channel(name, unit, scale, offset)


class Indices:
    """Where each stream of one run stands: every run begins at 0."""

    def __init__(self, streams: tuple[wire.Stream, ...]) -> None:
        self._frames = [stream.frames for stream in streams]
        self._rates_mhz = [stream.rate_mhz for stream in streams]
        self._next = [0] * len(streams)
        self._seen_us: list[int | None] = [None] * len(streams)

    def missing(self, number: int, index: int, device_us: int) -> int:
        """How many frames of this stream are missing before the block that begins at ``index``."""
        step = (index - self._next[number]) % wire.INDEX_PERIOD
        if step:
            step += wire.INDEX_PERIOD * self._rounds(number, step, device_us)
        self._next[number] = index + self._frames[number]
        self._seen_us[number] = device_us
        return step

    def _rounds(self, number: int, step: int, device_us: int) -> int:
        """How often the index went round unseen: the whole number that the time fits best."""
        seen_us = self._seen_us[number]
        if seen_us is None:
            return 0
        elapsed_us = (device_us - seen_us) % wire.DEVICE_US_PERIOD
        by_time: int = elapsed_us * self._rates_mhz[number] // 1_000_000_000 - step
        return max(0, (by_time + wire.INDEX_PERIOD // 2) // wire.INDEX_PERIOD)


class Conditions:
    """What is wrong now."""

    def __init__(self) -> None:
        self._last_ms: dict[int, int] = {}
        self._told = 0

    def changed(self, flags: int, electrodes_off: int, now_ms: int) -> bool:
        """Take over what a packet says; whether there is something to tell."""
        state = flags & _CONDITION_BITS | electrodes_off << _ELECTRODES_AT
        if not state and not self._told:
            return False
        bit = 1
        while bit <= state:
            if state & bit:
                self._last_ms[bit] = now_ms
            bit <<= 1
        told = sum(bit for bit, last_ms in self._last_ms.items() if now_ms - last_ms < HOLD_MS)
        changed = told != self._told
        self._told = told
        return changed

    def words(self) -> tuple[str, ...]:
        """The conditions that hold."""
        return tuple(word for bit, word in CONDITIONS.items() if self._told & bit)

    def electrodes_off(self) -> tuple[int, ...]:
        """The channels without contact, from 1 on."""
        off = self._told >> _ELECTRODES_AT
        return tuple(number + 1 for number in range(wire.MOST_ELECTRODES) if off >> number & 1)
