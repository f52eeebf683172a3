r"""Nonin "Nonin 1" oximeter lines: StO2 and haemoglobin of four channels, once a second. Sans-IO, portable.

Theory of operation
-------------------
Nonin's regional oximeters (7600, X-100 SenSmart) send one ASCII line a second, one way only, at
57600 8N1.  ``LineDecoder`` turns any chunks of bytes into ``Reading`` values, ``encode_line`` is the
device's side.  Layout (7600 operator's manual, p34 table 13), 250 to 350 bytes::

    Ch1=nnn Ch2=nnn Ch3=nnn Ch4=nnn FLAGS|yyyy-mm-ddThh:mm:ss|rSO2=a,b,c,d|HbI=..|AUC=..|REF=..
    |HI_LIM=..|LOW_LIM=..|ALM=..|SIG_QUAL_ALM=x,x,x,x|POD_COMM_ALM=x,x,x,x|SNS_FLT=x,x,x,x
    \LCD_FLT=x\LOW_BATT=x\CRIT_BATT=x\BATT_FLT=x\STK_KEY=x\SND_FLT=x\SND_ERR=x
    \EXT_MEM_ERR=xCKSUM=XXXX CR LF

Leading zeros are blanks, ``---`` is "no value".  HbI is the haemoglobin index, total haemoglobin in g/dL on a
scale of the device's own, ``xx.x``; whatever else stands there is no value, and costs no line its StO2.  The
checksum is CRC-16/XMODEM (polynomial 1021, initial 0), four upper-case hexadecimal digits.

**What the checksum covers is UNVERIFIED.**  It starts at the C of ``Ch1``; the published notes say that it
ends after ``CKSUM=``, the code published with them says otherwise, and their worked example fits neither.
So the end is learnt: five candidate ends are tried on each line (before and after the label, one byte
either way; one byte past the label would be a digit of the checksum itself), and the decoder locks onto the
one that fits five lines in a row.  Until then *nothing* is given out; afterwards a line whose checksum is
wrong is dropped and counted.  ``coverage`` names the end in use, as an offset from the C of ``CKSUM=``;
``learning`` shows how far each candidate has come, for a technician whose device fits none.  Once seen on a
real device, give that number to the constructor.  Where no end fits ``LINES_TO_LOCK`` lines in a row, data
stay refused unless the technician says ``unchecked``: then lines are given out on their layout alone, and
only while the StO2 of their head and of their ``rSO2=`` unit agree.  They are counted
(``unchecked_readings``), and an end that fits after all puts an end to it.  The golden lines of the tests
are built from the manual's layout, not recorded.

Claim of the checksum, within what it covers: every error of up to three bits and every burst of up to
16 bits is caught; so is every damage to the labels or to the four digits alone.

Nothing here raises on what arrives, and at most ``LONGEST_LINE`` bytes are held.  Units: StO2 in per
mille (the device gives whole percent), ``now_ms`` of the caller's monotonic clock; the device's own clock
is passed on as text, for it is set by hand and never trusted.
"""

from collections import namedtuple

from firmware_bridge.checksums import crc16

CHANNELS = 4
LINES_TO_LOCK = 5
LONGEST_LINE = 512

COVERAGE_TO_LABEL = 0
COVERAGE_THROUGH_LABEL = 6
COVERAGES = (-1, 0, 1, 5, 6)
"""Candidate ends, counted from the C of ``CKSUM=``."""

FLAG_EQUIPMENT_ALARM = "&"
FLAG_CRITICAL_BATTERY = "$"
FLAG_EVENT_MARK = "*"

DEVICE_FAULTS = (
    "LCD_FLT",
    "LOW_BATT",
    "CRIT_BATT",
    "BATT_FLT",
    "STK_KEY",
    "SND_FLT",
    "SND_ERR",
    "EXT_MEM_ERR",
)

_HEAD = b"Ch1="
_LABEL = b"CKSUM="
_HEX = b"0123456789ABCDEF"
_CELL = 8
_NO_VALUE = "---"
_CLOCK_SHAPE = "0000-00-00T00:00:00"

# channels            4 x StO2 in per mille, None where the device had no value
# haemoglobin         4 x haemoglobin index in tenths, None where the device had no value
# flags               text: digits of channels in patient alarm, and the FLAG_ characters
# clock               text, the device's own clock
# signal_quality      bit mask, bit 0 = channel 1: signal quality alarm
# pod_communication   bit mask: no connection to that channel's pod
# sensor_faults       bit mask: that channel's sensor is faulty
# device_faults       tuple of the names in DEVICE_FAULTS that are set
# arrived_ms          when the line was complete, in the caller's clock
Reading = namedtuple(
    "Reading",
    (
        "channels",
        "haemoglobin",
        "flags",
        "clock",
        "signal_quality",
        "pod_communication",
        "sensor_faults",
        "device_faults",
        "arrived_ms",
    ),
)


class LineDecoder:
    """Host side: bytes in, readings out.

    Counters: ``readings`` given out; ``unchecked_readings``, those of them that no checksum vouches for;
    ``learning_lines`` that came before the coverage was known; ``crc_errors``; ``malformed`` (no complete
    line of this protocol; ``malformed_run`` of them in a row); ``layout_errors`` (checksum right, content not
    as the manual says); ``last_valid_ms``: when the last reading arrived, None before.
    """

    def __init__(self, coverage: int | None = None, *, unchecked: bool = False) -> None:
        if coverage is not None and coverage not in COVERAGES:
            raise ValueError(f"coverage {coverage} is not one of {COVERAGES}")
        self.readings = 0
        self.unchecked_readings = 0
        self.learning_lines = 0
        self.crc_errors = 0
        self.malformed = 0
        self.malformed_run = 0
        self.layout_errors = 0
        self.last_valid_ms: int | None = None
        self._coverage = coverage
        self._unchecked = unchecked
        self._runs = [0] * len(COVERAGES)
        self._unfitted = 0
        self._line = b""

    @property
    def coverage(self) -> int | None:
        """Where the checksum's coverage ends, from the C of ``CKSUM=``; None while it is being learnt."""
        return self._coverage

    @property
    def learning(self) -> dict[int, int]:
        """How many lines in a row each candidate end has fitted."""
        return dict(zip(COVERAGES, self._runs))

    @property
    def unfitted(self) -> int:
        """How many whole lines in a row fitted no end at all."""
        return self._unfitted

    def feed(self, data: bytes, now_ms: int = 0) -> list[Reading]:
        """Readings completed by ``data``, however the line was cut into pieces."""
        readings = []
        start = 0
        end = data.find(b"\n")
        while end >= 0:
            self._hold(data[start:end])
            reading = self._line_ended(now_ms)
            if reading is not None:
                readings.append(reading)
            start = end + 1
            end = data.find(b"\n", start)
        self._hold(data[start:])
        return readings

    def _hold(self, piece: bytes) -> None:
        """Keep the newest bytes only: a good line behind a flood of noise is still found."""
        self._line = (self._line + piece)[-LONGEST_LINE:]

    def _line_ended(self, now_ms: int) -> Reading | None:
        line = self._line
        self._line = b""
        if not line.strip():
            return None
        found = _find(line)
        if found is None:
            self.malformed += 1
            self.malformed_run += 1
            self._learn(())
            return None
        self.malformed_run = 0
        covered_from, label, stated = found
        text = line[covered_from:label]
        if self._checksum_fits(line, covered_from, label, stated):
            return self._give_out(_parse(text, now_ms), now_ms)
        if self._unchecked and self._coverage is None and self._unfitted >= LINES_TO_LOCK:
            return self._give_out_unchecked(text, now_ms)
        return None

    def _checksum_fits(self, line: bytes, covered_from: int, label: int, stated: int) -> bool:
        if self._coverage is None:
            self._learn([crc == stated for crc in _candidates(line, covered_from, label)])
            self.learning_lines += self._coverage is None
            return self._coverage is not None
        if _crc(line[covered_from : label + self._coverage]) == stated:
            return True
        self.crc_errors += 1
        return False

    def _learn(self, fits: list[bool] | tuple[()]) -> None:
        """Count lines in a row for each candidate; lock onto the only one that has enough."""
        if self._coverage is not None:
            return
        self._unfitted = self._unfitted + 1 if fits and not any(fits) else 0
        for index in range(len(COVERAGES)):
            self._runs[index] = self._runs[index] + 1 if fits and fits[index] else 0
        enough = [index for index in range(len(COVERAGES)) if self._runs[index] >= LINES_TO_LOCK]
        if len(enough) == 1:
            self._coverage = COVERAGES[enough[0]]

    def _give_out(self, reading: Reading | None, now_ms: int) -> Reading | None:
        if reading is None:
            self.layout_errors += 1
        else:
            self.readings += 1
            self.last_valid_ms = now_ms
        return reading

    def _give_out_unchecked(self, text: bytes, now_ms: int) -> Reading | None:
        """On the layout alone: the two places where the line says its StO2 have to agree."""
        reading = _parse(text, now_ms) if _agrees(text) else None
        self.unchecked_readings += reading is not None
        return self._give_out(reading, now_ms)


def encode_line(
    channels: tuple[int | None, ...],
    clock: str,
    flags: str = "",
    *,
    signal_quality: int = 0,
    pod_communication: int = 0,
    sensor_faults: int = 0,
    device_faults: tuple[str, ...] = (),
    haemoglobin: tuple[int | None, ...] = (None, None, None, None),
    coverage: int = COVERAGE_THROUGH_LABEL,
) -> bytes:
    """Device side: one line. StO2 in per mille is rounded to the whole percent that the device shows;
    the haemoglobin index is in tenths.

    Raises ``ValueError`` for what the layout cannot carry.
    """
    _check_content(channels, clock, flags, coverage)
    _check_haemoglobin(haemoglobin)
    shown = [_shown(channel) for channel in channels]
    missing = ",".join([_NO_VALUE] * CHANNELS)
    units = [
        "".join([f"Ch{index + 1}={text} " for index, text in enumerate(shown)]) + flags,
        clock,
        "rSO2=" + ",".join(shown),
        "HbI=" + ",".join([_index_shown(tenths) for tenths in haemoglobin]),
        "AUC=" + missing,
        "REF=" + missing,
        "HI_LIM=OFF,OFF,OFF,OFF",
        "LOW_LIM=OFF,OFF,OFF,OFF",
        "ALM=OFF,OFF,OFF,OFF",
        "SIG_QUAL_ALM=" + _bits(signal_quality),
        "POD_COMM_ALM=" + _bits(pod_communication),
        "SNS_FLT=" + _bits(sensor_faults),
    ]
    faults = "".join([f"\\{name}={int(name in device_faults)}" for name in DEVICE_FAULTS])
    text = ("|".join(units) + faults).encode()
    return text + _LABEL + f"{_crc((text + _LABEL)[: len(text) + coverage]):04X}\r\n".encode()


def _crc(data: bytes, crc: int = 0) -> int:
    """CRC-16/XMODEM: the polynomial of our own messages with another start."""
    return crc16(data, crc)


def _find(line: bytes) -> tuple[int, int, int] | None:
    """Where the covered text starts, where ``CKSUM=`` stands, and the checksum stated; None if not there."""
    start = line.rfind(_HEAD)
    label = line.rfind(_LABEL)
    if start < 0 or label <= start:
        return None
    digits = line[label + len(_LABEL) :]
    if digits[-1:] == b"\r":
        digits = digits[:-1]
    if len(digits) != 4 or digits.strip(_HEX):
        return None
    return start, label, int(digits, 16)


def _candidates(line: bytes, start: int, label: int) -> list[int]:
    """The checksum for each candidate end, each continuing the one before."""
    crcs = []
    crc = 0
    done = start
    for coverage in COVERAGES:
        crc = _crc(line[done : label + coverage], crc)
        done = label + coverage
        crcs.append(crc)
    return crcs


def _agrees(text: bytes) -> bool:
    """Whether the cells of the head and the ``rSO2=`` unit show the same four texts."""
    head = [text[_CELL * index + 4 : _CELL * (index + 1) - 1] for index in range(CHANNELS)]
    return b"|rSO2=" + b",".join(head) + b"|" in text


def _parse(text: bytes, now_ms: int) -> Reading | None:
    """The content of a line whose checksum was right; None if it is not laid out as the manual says."""
    if max(text) > 126:
        return None
    try:
        return _reading(text.decode(), now_ms)
    except (ValueError, KeyError):
        return None


def _reading(text: str, now_ms: int) -> Reading:
    head = _CELL * CHANNELS
    channels = tuple(
        [_channel(text[_CELL * index : _CELL * (index + 1)], index + 1) for index in range(CHANNELS)]
    )
    flags, clock, *rest = text[head:].replace("\\", "|").split("|")
    units = {}
    for unit in rest:
        name, _, value = unit.strip().partition("=")
        units[name] = value
    return Reading(
        channels,
        _indices(units.get("HbI", "")),
        flags.strip(),
        _clock(clock),
        _mask(units["SIG_QUAL_ALM"]),
        _mask(units["POD_COMM_ALM"]),
        _mask(units["SNS_FLT"]),
        tuple([name for name in DEVICE_FAULTS if _bit(units[name])]),
        now_ms,
    )


def _channel(cell: str, number: int) -> int | None:
    """Per mille from a cell such as ``Ch2= 70 ``."""
    label = f"Ch{number}="
    if len(cell) != _CELL or not cell.startswith(label) or cell[-1] != " ":
        raise ValueError("channel cell " + cell)
    value = cell[len(label) : -1]
    if value == _NO_VALUE:
        return None
    digits = value.lstrip(" ")
    if not digits.isdigit() or int(digits) > 100:
        raise ValueError("channel value " + value)
    return int(digits) * 10


def _indices(text: str) -> tuple[int | None, ...]:
    """Tenths of each channel's haemoglobin index; what is no such number is no value."""
    cells = text.split(",")
    if len(cells) != CHANNELS:
        return (None,) * CHANNELS
    return tuple([_tenths(cell) for cell in cells])


def _tenths(cell: str) -> int | None:
    whole, _, tenth = cell.strip(" ").partition(".")
    if not whole.isdigit() or not tenth.isdigit() or len(whole) > 2 or len(tenth) != 1:
        return None
    return int(whole) * 10 + int(tenth)


def _clock(text: str) -> str:
    shape = "".join(["0" if character.isdigit() else character for character in text])
    if shape != _CLOCK_SHAPE:
        raise ValueError("clock " + text)
    return text


def _bit(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("flag " + text)
    return text == "1"


def _mask(text: str) -> int:
    bits = text.split(",")
    if len(bits) != CHANNELS:
        raise ValueError("channel flags " + text)
    return sum([_bit(bit) << index for index, bit in enumerate(bits)])


def _bits(mask: int) -> str:
    return ",".join([str(mask >> index & 1) for index in range(CHANNELS)])


def _shown(permille: int | None) -> str:
    return _NO_VALUE if permille is None else f"{(permille + 5) // 10:3d}"


def _index_shown(tenths: int | None) -> str:
    return _NO_VALUE if tenths is None else f"{tenths // 10:2d}.{tenths % 10}"


def _check_haemoglobin(haemoglobin: tuple[int | None, ...]) -> None:
    if len(haemoglobin) != CHANNELS:
        raise ValueError(f"{len(haemoglobin)} channels of haemoglobin given, the line has {CHANNELS}")
    for tenths in haemoglobin:
        if tenths is not None and not 0 <= tenths <= 999:
            raise ValueError(f"a haemoglobin index of {tenths} tenths is outside 0 to 999")


def _check_content(channels: tuple[int | None, ...], clock: str, flags: str, coverage: int) -> None:
    if len(channels) != CHANNELS:
        raise ValueError(f"{len(channels)} channels given, the line has {CHANNELS}")
    for channel in channels:
        if channel is not None and not 0 <= channel <= 1000:
            raise ValueError(f"StO2 of {channel} per mille is outside 0 to 1000")
    if flags.strip("1234" + FLAG_EQUIPMENT_ALARM + FLAG_CRITICAL_BATTERY + FLAG_EVENT_MARK):
        raise ValueError(f"flags '{flags}' are not made of channel digits and the FLAG_ characters")
    if coverage not in COVERAGES:
        raise ValueError(f"coverage {coverage} is not one of {COVERAGES}")
    _clock(clock)
