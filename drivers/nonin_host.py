"""Our end of a Nonin regional oximeter that sends "Nonin 1" lines. Sans-IO.

Theory of operation
-------------------
The line goes one way: nothing is ever sent, so nothing can disturb the monitor.  ``nonin.LineDecoder`` learns
what the checksum covers; this host turns its readings into ``Oximetry`` events and says in sentences
(``OximeterNotice``) what was learnt, what is missing and what is unconfirmed.

Identity: the protocol tells no name.  Lines whose checksum fits conclude "a Nonin oximeter that sends Nonin
1"; serial number and firmware stay empty.

Refusal, withdrawn as soon as it no longer holds:

- 2000 bytes without a line end: another rate, or another device;
- ten lines in a row that are not Nonin 1: another output format, or another device;
- ten whole lines in a row whose checksum fits no known end: refused, unless the technician says
  ``unchecked``;
- ten lines without a reading between them that are damaged, by the end that is known or was configured.

``identity``, ``refusal`` and the counters are for the shell; the supervisor goes by the age of the readings.
Units: those of ``drivers.oximetry_events``; ms of the clock handed in.
"""

from drivers import nonin
from drivers.host import Counters, Identity, Line
from drivers.oximetry_events import (
    CRITICAL_BATTERY,
    EQUIPMENT_ALARM,
    EVENT_MARK,
    NO_CHECKSUM,
    PATIENT_ALARM,
    POD_LOST,
    SENSOR_FAULT,
    SIGNAL_QUALITY,
    OximeterNotice,
    Oximetry,
    TissueChannel,
)

LINES_TO_REFUSE = 10
BYTES_TO_REFUSE = 2000

_MODEL = "Nonin regional oximeter (Nonin 1)"
_DEVICE_FLAGS = {
    nonin.FLAG_EQUIPMENT_ALARM: EQUIPMENT_ALARM,
    nonin.FLAG_CRITICAL_BATTERY: CRITICAL_BATTERY,
    nonin.FLAG_EVENT_MARK: EVENT_MARK,
}


class NoninHost:
    """``coverage`` and ``unchecked``: the technician's word about the checksum, see ``drivers.nonin``."""

    line = Line(57600)

    def __init__(self, coverage: int | None = None, *, unchecked: bool = False) -> None:
        self._lines = nonin.LineDecoder(coverage, unchecked=unchecked)
        self._allows_unchecked = unchecked
        self._since_line = 0
        self._damaged_before = 0

    @property
    def last_valid_ms(self) -> int | None:
        """When the last line that was given out arrived."""
        return self._lines.last_valid_ms

    @property
    def coverage(self) -> int | None:
        """What the checksum covers, for the configuration; ``None`` while it is not known."""
        return self._lines.coverage

    @property
    def identity(self) -> Identity | None:
        """Concluded from the first line that was given out; the protocol tells no serial number."""
        return Identity(_MODEL) if self._lines.readings else None

    @property
    def refusal(self) -> str:
        """Why these are not the lines of a Nonin oximeter."""
        if self._since_line >= BYTES_TO_REFUSE:
            return (
                f"{self._since_line} bytes came without a line end: not 57600 baud, or not a Nonin oximeter. "
                "Look at the cable, and at the device's serial settings."
            )
        if self._lines.malformed_run >= LINES_TO_REFUSE:
            return (
                f"{self._lines.malformed_run} lines in a row were not Nonin 1: set the device's output "
                "format to Nonin 1, or this is another device."
            )
        if self._lines.unfitted >= LINES_TO_REFUSE and not self._allows_unchecked:
            return (
                f"the checksum of {self._lines.unfitted} lines in a row fits none of the known ends "
                f"{nonin.COVERAGES}. Look at the cable; if it is sound, a technician can allow lines without "
                "a checksum."
            )
        if self._damaged - self._damaged_before >= LINES_TO_REFUSE:
            return (
                f"{self._damaged - self._damaged_before} lines and no good one between them (checksum up to "
                f"{self._lines.coverage} from 'CKSUM='): look at the cable, or correct the coverage in the "
                "configuration."
            )
        return ""

    @property
    def counters(self) -> Counters:
        """Frames are lines; whatever was not one counts as a resynchronisation. The device counts nothing."""
        lines = self._lines
        return Counters(lines.readings, lines.crc_errors, lines.malformed + lines.layout_errors, 0)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """One ``Oximetry`` for each line given out, and a notice when something was learnt."""
        before = (self._lines.coverage, self._lines.unfitted, self._lines.unchecked_readings)
        readings = self._lines.feed(data, now_ms)
        self._watch_lines(data, bool(readings))
        unchecked = self._lines.unchecked_readings - before[2]
        events: list[object] = list(self._notices(*before, now_ms))
        # An end that is known stays known: lines without a checksum come before those with one.
        events += [_oximetry(reading, index >= unchecked) for index, reading in enumerate(readings)]
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """Nothing, ever: the line goes one way."""
        return b""

    @property
    def _damaged(self) -> int:
        return self._lines.crc_errors + self._lines.layout_errors

    def _watch_lines(self, data: bytes, good: bool) -> None:
        last = data.rfind(b"\n")
        self._since_line = self._since_line + len(data) if last < 0 else len(data) - last - 1
        if good:
            self._damaged_before = self._damaged

    def _notices(
        self, coverage: int | None, unfitted: int, unchecked: int, now_ms: int
    ) -> list[OximeterNotice]:
        lines = self._lines
        told = []
        if coverage is None and lines.coverage is not None:
            told.append(
                f"Nonin 1: the checksum covers the line up to {lines.coverage} characters from the C of "
                "'CKSUM=' (learnt from five lines in a row; unconfirmed by the maker's documents)"
            )
        if unfitted < nonin.LINES_TO_LOCK <= lines.unfitted:
            told.append(
                "Nonin 1: five lines in a row fit no known end of the checksum: "
                + ("read without checksum" if self._allows_unchecked else "data refused")
            )
        if not unchecked and lines.unchecked_readings:
            told.append(
                "Nonin 1: readings are given out WITHOUT a checksum, because a technician allowed it: a "
                "damaged digit looks like a measured one"
            )
        return [OximeterNotice(text, now_ms) for text in told]


def _oximetry(reading: nonin.Reading, checked: bool) -> Oximetry:
    flags = [name for character, name in _DEVICE_FLAGS.items() if character in reading.flags]
    flags += [f"device:{name}" for name in reading.device_faults]
    return Oximetry(
        tuple(_channel(reading, index) for index in range(nonin.CHANNELS)),
        reading.arrived_ms,
        flags=(*flags, *(() if checked else (NO_CHECKSUM,))),
        device_clock=reading.clock,
    )


def _channel(reading: nonin.Reading, index: int) -> TissueChannel:
    tenths = reading.haemoglobin[index]
    said = (
        (reading.signal_quality >> index & 1, SIGNAL_QUALITY),
        (reading.pod_communication >> index & 1, POD_LOST),
        (reading.sensor_faults >> index & 1, SENSOR_FAULT),
        (str(index + 1) in reading.flags, PATIENT_ALARM),
    )
    return TissueChannel(
        reading.channels[index],
        None if tenths is None else tenths * 10,
        tuple(name for holds, name in said if holds),
    )
