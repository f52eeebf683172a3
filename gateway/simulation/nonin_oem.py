"""A simulated Nonin OEM III, sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` is handed what the host sent and returns the frames that have become due, 75 a second,
at most a second of them.  ``source`` gives the pulse wave of a frame by its number, ``values`` are the
packet's numbers.  A request for a format, long or short, is acknowledged and obeyed from the next packet on.

What can be wrong with it stands in ``Defects``.

Sources: ``drivers.nonin_oem``.  That the module obeys a request is unconfirmed; ``deaf`` is one that does
not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers import nonin_oem

_ALWAYS = 0x80

Source = Callable[[int], int]

AT_REST = nonin_oem.Packet(
    heart_rate=72,
    spo2=97,
    revision=48,
    timer=0,
    stat2=0,
    spo2_d=97,
    spo2_fast=97,
    spo2_beat=97,
    e_heart_rate=72,
    e_spo2=97,
    e_spo2_d=97,
    heart_rate_d=72,
    e_heart_rate_d=72,
    trouble=0,
    perfusion=nonin_oem.GREEN_PERFUSION,
)
NONE = AT_REST._replace(
    **dict.fromkeys((*("heart_rate", "e_heart_rate", "heart_rate_d", "e_heart_rate_d"),)),
    **dict.fromkeys(("spo2", "spo2_d", "spo2_fast", "spo2_beat", "e_spo2", "e_spo2_d")),
    perfusion=0,
)


@dataclass(slots=True)
class Defects:
    """What is wrong with it.

    ``silent``: nothing leaves it; ``deaf``: it ignores requests; ``refuses``: it answers them with NAK;
    ``sensor_off``: the sensor is not on the patient; ``trouble``: other STATUS bits; ``dropped``: numbers of
    frames that never leave it; ``flipped``: by the number of a frame, the bits that are wrong on the wire.
    """

    silent: bool = False
    deaf: bool = False
    refuses: bool = False
    sensor_off: bool = False
    trouble: int = 0
    dropped: set[int] = field(default_factory=set)
    flipped: dict[int, int] = field(default_factory=dict)


class NoninOem:
    """The module; ``data_format`` is what it sends when it is switched on."""

    def __init__(self, source: Source, data_format: int = nonin_oem.FORMAT_7) -> None:
        self.defects = Defects()
        self.values = AT_REST
        self.requests: list[nonin_oem.Select] = []
        self._source = source
        self._format = self._next_format = self._first_format = data_format
        self._commands = nonin_oem.SelectDecoder()
        self._data = b""
        self._started_ms: int | None = None
        self._frame = 0

    def power_cycle(self, now_ms: int) -> None:
        """Switched off and on: its first format, a new packet."""
        self._format = self._next_format = self._first_format
        self._started_ms, self._frame = now_ms, 0

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What leaves the module now."""
        if self._started_ms is None:
            self._started_ms = now_ms
        sent = b"".join(self._obey(request) for request in self._commands.feed(data))
        sent += self._due_frames(now_ms - self._started_ms)
        return b"" if self.defects.silent else sent

    def _obey(self, request: nonin_oem.Select) -> bytes:
        self.requests.append(request)
        if self.defects.deaf:
            return b""
        if self.defects.refuses or request.data_format not in nonin_oem.FORMATS:
            return bytes((nonin_oem.NAK,))
        self._next_format = request.data_format
        return bytes((nonin_oem.ACK,))

    def _due_frames(self, since_ms: int) -> bytes:
        due = since_ms * nonin_oem.RATE_HZ // 1000
        first, self._frame = max(self._frame, due - nonin_oem.RATE_HZ), due
        return b"".join(self._encoded(number) for number in range(first, due))

    def _encoded(self, number: int) -> bytes:
        place = number % nonin_oem.PACKET_FRAMES
        if place == 0 or not self._data:
            self._format = self._next_format
            self._data = nonin_oem.packet_data(NONE if self.defects.sensor_off else self.values)
        status = _ALWAYS | self.defects.trouble | (nonin_oem.SYNC if place == 0 else 0)
        if self.defects.sensor_off:
            status |= nonin_oem.SENSOR_DISCONNECTED
        elif place == nonin_oem.PACKET_FRAMES // 2:
            status |= self.values.perfusion
        wave = 0 if self.defects.sensor_off else self._source(number)
        frame = nonin_oem.encode_frame(self._format, status, wave, self._data[place])
        if number in self.defects.dropped:
            return b""
        wrong = self.defects.flipped.get(number, 0)
        return (int.from_bytes(frame, "big") ^ wrong).to_bytes(len(frame), "big")
