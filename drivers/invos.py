"""INVOS PC LINK lines (Medtronic INVOS 5100C, PM7100): columns of text, by configuration. Sans-IO, portable.

Theory of operation
-------------------
The monitor sends ASCII lines at 9600 8N1, one way; columns are
separated by two spaces, the line ends with 0A. *Which columns stand where is not built in.*  The manual's
table 15 lists the columns of the real-time formats PC LINK 1 and PC LINK 2, but the page with their order
was not seen: **the order is unconfirmed**.  So a technician writes the columns down, by name, from what the
monitor sends::

    version  date  time  rso2-1  event-1  status-1  reserved-1  rso2-2  ...

Names: ``version``, ``date``, ``time``, and with the channel's number 1 to 4 behind them (``rso2-1``)
``label``, ``rso2``, ``event``, ``status``, ``baseline``, ``auc``, ``upper``, ``lower``, ``a``, ``b``,
``c``, ``reserved`` and ``sensor``.  ``any`` is a column that nobody knows: one printable word.  Without
columns nothing is given out.  ``CASE_HISTORY`` is the order that the manual's page 83 gives for *downloaded*
case histories; that the real-time formats use it is unconfirmed, and it is never chosen by itself.

**There is no checksum, and none is claimed.**  What a line must pass: the number of columns, the shape and
the range of each (table 14 and 15 of the manual), two spaces between them and nothing else.  A damaged
digit that stays within its range passes: 65 becomes 75 unnoticed.  Noise and a wrong order do not get far:
data are given out from the ``LINES_TO_TRUST``-th good line in a row on, whose version is the same
throughout; any other line starts the count again, and ``complaint`` says what was wrong with the last one
that was refused.

rSO2 is 15 to 95 %, both ends meaning "or beyond"; 0 is an inactive channel, which is no value.  The meaning
of the status and event codes was not read and is passed on as numbers.  Unconfirmed as well: how often a
line is sent, whether CR stands before LF (one is tolerated).

Nothing here raises on what arrives; at most ``LONGEST_LINE`` bytes are held.  Units: rSO2 in per mille, ms
of the caller's clock.
Sources: INVOS operator's manual 2017-10, tables 14 and 15
(easymanua.ls/medtronic/invos/manual pages 87 and 89).
"""

from collections import namedtuple

CHANNELS = 4
LINES_TO_TRUST = 5
LONGEST_LINE = 512
MOST_COLUMNS = 64

_OF_THE_LINE = ("version", "date", "time")
_OF_ONE_CHANNEL = ("rso2", "event", "status", "reserved")
_OF_ALL_CHANNELS = tuple(
    [f"{name}-{channel}" for channel in range(1, CHANNELS + 1) for name in _OF_ONE_CHANNEL]
)
CASE_HISTORY = _OF_THE_LINE + _OF_ALL_CHANNELS
"""Table 14: documented for downloaded case histories; unconfirmed for the lines sent during a case."""

RSO2_LOWEST = 15
RSO2_HIGHEST = 95
NO_STATUS = 0
NO_EVENT = 0

_GAP = "  "
_LONGEST_COMPLAINT = 120

# channels      4 x rSO2 in per mille, None where inactive or not among the columns
# status        4 x status code, 0 where there is none
# events        4 x code of the event marked since the last line, 0 where there is none
# sensors       4 x text of the sensor's identity, empty where there is none
# version       text, empty where no column has it
# clock         text, date and time of the monitor's own clock, empty where no column has them
# arrived_ms    when the line was complete, in the caller's clock
Reading = namedtuple("Reading", ("channels", "status", "events", "sensors", "version", "clock", "arrived_ms"))


class _Refused(Exception):
    """A column is not what its name says; never leaves this file."""


def checked_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """These columns, if a line could be read with them.

    Raises ``ValueError`` with the reason for an unknown name, a name given twice, too many of them, or none
    that holds a saturation.
    """
    if len(names) > MOST_COLUMNS:
        raise ValueError(f"{len(names)} columns: a PC LINK line has at most {MOST_COLUMNS}")
    for index, name in enumerate(names):
        if name not in _KINDS_OF_NAMES:
            raise ValueError(f"column {index + 1} '{name}' is unknown: use one of {', '.join(NAMES)}")
        if name != "any" and name in names[:index]:
            raise ValueError(f"column {index + 1} '{name}' is there twice")
    if not [name for name in names if name.startswith("rso2-")]:
        raise ValueError("no column holds a saturation: name at least one 'rso2-1' to 'rso2-4'")
    return tuple(names)


class Decoder:
    """Host side: bytes in, readings out.

    Counters: ``readings`` given out; ``waiting`` good lines held back until enough came in a row;
    ``refused`` lines; ``run`` good lines in a row; ``last_valid_ms`` when the last reading was given out,
    ``None`` before.
    """

    def __init__(self, columns: tuple[str, ...] = (), lines_to_trust: int = LINES_TO_TRUST) -> None:
        self._columns = checked_columns(columns) if columns else ()
        self._lines_to_trust = lines_to_trust
        self.readings = 0
        self.waiting = 0
        self.refused = 0
        self.refused_run = 0
        self.run = 0
        self.complaint = ""
        self.last_valid_ms: int | None = None
        self._version = ""
        self._line = b""

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
        """One byte more than a line may have: that much is known to be too long."""
        self._line = (self._line + piece)[: LONGEST_LINE + 1]

    def _line_ended(self, now_ms: int) -> Reading | None:
        line = self._line
        self._line = b""
        if line[-1:] == b"\r":
            line = line[:-1]
        if not line:
            return None
        try:
            reading = _read(line, self._columns, now_ms)
        except _Refused as problem:
            self._refuse(str(problem))
            return None
        return self._trusted(reading)

    def _refuse(self, complaint: str) -> None:
        self.refused += 1
        self.refused_run += 1
        self.run = 0
        self.complaint = complaint[:_LONGEST_COMPLAINT]

    def _trusted(self, reading: Reading) -> Reading | None:
        self.run = self.run + 1 if reading.version == self._version else 1
        self.refused_run = 0
        self._version = reading.version
        if self.run < self._lines_to_trust:
            self.waiting += 1
            return None
        self.readings += 1
        self.last_valid_ms = reading.arrived_ms
        return reading


def encode_line(columns: tuple[str, ...], values: dict[str, str]) -> bytes:
    """Device side: one line with these texts in these columns; what is not given is what the device sends for
    nothing.

    Raises ``ValueError`` for columns that no line has, for a value without its column, and for a text that
    the column cannot carry.
    """
    checked_columns(columns)
    for name in values:
        if name not in columns:
            raise ValueError(f"a value for the column '{name}', which this line does not have")
    texts = []
    for name in columns:
        text = values.get(name, _KINDS_OF_NAMES[name].nothing)
        try:
            _KINDS_OF_NAMES[name].read(text)
        except _Refused as problem:
            raise ValueError(f"column '{name}' cannot carry '{text}': {problem}") from None
        texts.append(text)
    return (_GAP.join(texts) + "\n").encode()


# --- the kinds of columns --------------------------------------------------------------------------------

# read: text to value, raising _Refused; nothing: the text that the device sends for "nothing"
_Kind = namedtuple("_Kind", ("read", "nothing"))


def _whole(text: str, most: int) -> int:
    """A whole number as the device writes it: digits, no sign, no leading zero."""
    if not text.isdigit() or len(text) > 5 or (text[0] == "0" and text != "0"):
        raise _Refused("not a whole number")
    value = int(text)
    if value > most:
        raise _Refused(f"above {most}")
    return value


def _saturation(text: str) -> int | None:
    percent = _whole(text, RSO2_HIGHEST)
    if percent == 0:
        return None
    if percent < RSO2_LOWEST:
        raise _Refused(f"neither 0 nor {RSO2_LOWEST} to {RSO2_HIGHEST}")
    return percent * 10


def _event(text: str) -> int:
    code = _whole(text, 254)
    if 160 < code < 252:
        raise _Refused("not an event code (0 to 160, 252 to 254)")
    return code


def _status(text: str) -> int:
    return _whole(text, 21)


def _between(text: str, least: int, most: int) -> int:
    """A limit or a baseline; 0 is tolerated, as what an inactive channel may send (unconfirmed)."""
    value = _whole(text, most)
    if 0 < value < least:
        raise _Refused(f"below {least}")
    return value


def _label(text: str) -> str:
    one_letter = len(text) == 1 and "A" <= text <= "Z"
    if text != "0" and not one_letter and text not in ("S1", "S2", "S3", "S4"):
        raise _Refused("not a channel label (A to Z, S1 to S4, 0)")
    return text


def _sensor(text: str) -> str:
    if text != "0" and len(_word(text)) != 14:
        raise _Refused("neither 0 nor 14 characters")
    return "" if text == "0" else text


def _word(text: str) -> str:
    if not text or " " in text:
        raise _Refused("not one word")
    return text


def _literal(text: str, wanted: str) -> str:
    if text != wanted:
        raise _Refused("not " + wanted)
    return text


def _shaped(text: str, shape: str) -> str:
    """``text`` with every digit taken for a 0 is ``shape``."""
    if "".join(["0" if "0" <= character <= "9" else character for character in text]) != shape:
        raise _Refused("not of the form " + shape)
    return text


def _date(text: str) -> str:
    _shaped(text, "00/00/00")
    if not (1 <= int(text[:2]) <= 12 and 1 <= int(text[3:5]) <= 31):
        raise _Refused("not a date MM/DD/YY")
    return text


def _time(text: str) -> str:
    _shaped(text, "00:00:00")
    if int(text[:2]) > 23 or int(text[3:5]) > 59 or int(text[6:]) > 59:
        raise _Refused("not a time HH:MM:SS")
    return text


def _version(text: str) -> str:
    """Such as 1.2.34.56/1/1: four numbers, the version of the event list, that of the format."""
    parts = text.split("/")
    numbers = parts[0].split(".") + parts[1:]
    if len(parts) != 3 or len(numbers) != 6 or len(text) > 32:
        raise _Refused("not a version such as 1.2.34.56/1/1")
    for number in numbers:
        if not number.isdigit():
            raise _Refused("not a version such as 1.2.34.56/1/1")
    return text


_PER_CHANNEL = {
    "label": _Kind(_label, "0"),
    "rso2": _Kind(_saturation, "0"),
    "event": _Kind(_event, "0"),
    "status": _Kind(_status, "0"),
    "baseline": _Kind(lambda text: _between(text, 15, 95), "0"),
    "auc": _Kind(lambda text: _whole(text, 9999), "0"),
    "upper": _Kind(lambda text: _between(text, 20, 95), "0"),
    "lower": _Kind(lambda text: _between(text, 15, 90), "0"),
    "a": _Kind(lambda text: _literal(text, "0.0000"), "0.0000"),
    "b": _Kind(lambda text: _literal(text, "0.0000"), "0.0000"),
    "c": _Kind(lambda text: _literal(text, "0"), "0"),
    "reserved": _Kind(lambda text: _literal(text, "0"), "0"),
    "sensor": _Kind(_sensor, "0"),
}
_KINDS_OF_NAMES = {
    "version": _Kind(_version, "0.0.0.0/1/1"),
    "date": _Kind(_date, "01/01/00"),
    "time": _Kind(_time, "00:00:00"),
    "any": _Kind(_word, "0"),
}
for _number in range(1, CHANNELS + 1):
    for _name, _kind in _PER_CHANNEL.items():
        _KINDS_OF_NAMES[_name + "-" + str(_number)] = _kind

NAMES = tuple(_KINDS_OF_NAMES)
"""Every name that a column may have."""


# --- one line ----------------------------------------------------------------------------------------------


def _read(line: bytes, columns: tuple[str, ...], now_ms: int) -> Reading:
    if not columns:
        raise _Refused("no columns are configured")
    if len(line) > LONGEST_LINE:
        raise _Refused(f"longer than {LONGEST_LINE} bytes")
    if min(line) < 0x20 or max(line) > 0x7E:
        raise _Refused("has bytes that are no printable characters: another rate, or another device")
    texts = line.decode().split(_GAP)
    if len(texts) != len(columns):
        raise _Refused(f"has {len(texts)} columns, {len(columns)} are configured")
    values = {}
    for index, name in enumerate(columns):
        values[name] = _value(index, name, texts[index])
    return _reading(values, now_ms)


def _value(index: int, name: str, text: str) -> int | str | None:
    try:
        value: int | str | None = _KINDS_OF_NAMES[name].read(text)
    except _Refused as problem:
        raise _Refused(f"column {index + 1} '{name}' is '{text[:20]}': {problem}") from None
    return value


def _reading(values: dict[str, int | str | None], now_ms: int) -> Reading:
    clock = (str(values.get("date", "")) + " " + str(values.get("time", ""))).strip()
    return Reading(
        _of_each(values, "rso2", None),
        _of_each(values, "status", NO_STATUS),
        _of_each(values, "event", NO_EVENT),
        _of_each(values, "sensor", ""),
        values.get("version", ""),
        clock,
        now_ms,
    )


def _of_each(values: dict[str, int | str | None], name: str, absent: int | str | None) -> tuple:  # type: ignore[type-arg]
    return tuple([values.get(f"{name}-{channel}", absent) for channel in range(1, CHANNELS + 1)])
