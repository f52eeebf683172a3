"""What ScienceMode4 packets say: commands, pulses, replies, both ends. Portable.

Theory of operation
-------------------
``drivers.sciencemode4`` carries packets; here their data is packed and taken apart.  A request has an even
command, its reply the next one; a reply's first byte is a result, 0 is success.  Two of the device's packets
answer any request: a general error, and "unknown command".

The device works in one of two modes at a time.  In *mid level* it gives pulses by itself: init, update (the
pulses of every active channel), stop.  **After 2 s without an update or a request for the current data it
pauses, and the next update makes it go on**: whoever sends one must know that no such gap has been.  In *low
level* it gives each pulse when it is told to.  A stop of either mode switches the high voltage off.

A pulse is a row of 1 to 16 points, each a current held for a time; one of 0 mA is a gap.  ``biphasic`` is the
pulse that this project gives: two phases of one width and opposite sign.  A point on the wire, 4 bytes::

    12 bits duration in us | 10 bits 2 x mA + 300 | 10 bits reserved, 0

Channels of mid level count 0 to 7: yellow red, blue, black, white, then green in the same order.

What does not fit is refused when it is packed (``EncodingError``) and ``None`` when it is taken apart.  A
duration below 10 us is refused: the device makes 10 us of it (the library's own words).

Unconfirmed: that a device takes the finer period (0.25 ms, known from the library only; the Python package
cannot send it); the content of "unknown command".  The instructions print 37 and 38 for the current data; the
library and the Python package use 36 and 37, and so does this file.  A state of a channel above 3 has no
name.

Sources: P24 instructions for use v1.1, p16-26; ScienceMode4_c_library (HASOMED); PyPI science-mode-4 0.0.23.
Units: us, uA (steps of 500), mV.
"""

from collections import namedtuple

from firmware_bridge.errors import EncodingError

LL_INIT = 0
LL_CHANNEL_CONFIG = 2
LL_STOP = 4
ML_INIT = 30
ML_UPDATE = 32
ML_STOP = 34
ML_CURRENT_DATA = 36
VERSION_MAIN = 50
DEVICE_ID = 52
BATTERY = 54
RESET = 58
STIMULATION_STATUS = 62
EXTENDED_VERSION = 68
GENERAL_ERROR = 66
UNKNOWN_COMMAND = 67

NAMES = {
    LL_INIT: "low-level init",
    LL_CHANNEL_CONFIG: "low-level pulse",
    LL_STOP: "low-level stop",
    ML_INIT: "init",
    ML_UPDATE: "update",
    ML_STOP: "stop",
    ML_CURRENT_DATA: "current data",
    VERSION_MAIN: "version",
    DEVICE_ID: "device id",
    BATTERY: "battery",
    RESET: "reset",
    STIMULATION_STATUS: "stimulation status",
    EXTENDED_VERSION: "extended version",
}

OK = 0
PARAMETER_ERROR = 2
NOT_INITIALISED = 7
HIGH_VOLTAGE_ERROR = 8
ELECTRODE_ERROR = 10
INVALID_COMMAND = 11
PULSE_TIMEOUT = 16
BUSY = 21
LOW_CURRENT = 28

RESULTS = {
    1: "transfer error",
    PARAMETER_ERROR: "a parameter is wrong",
    3: "protocol version not supported",
    4: "timeout inside the stimulator",
    NOT_INITIALISED: "not initialised",
    HIGH_VOLTAGE_ERROR: "high voltage faulty",
    9: "output switch does not answer",
    ELECTRODE_ERROR: "electrode off",
    INVALID_COMMAND: "command cannot be processed",
    PULSE_TIMEOUT: "pulses do not fit into their period",
    BUSY: "busy",
    LOW_CURRENT: "the current is not reached",
}

# Status of the device.
UNINITIALISED = 0
LOW_LEVEL = 1
MID_LEVEL = 2
MID_LEVEL_RUNNING = 3

# State of a channel.
CHANNEL_OK = 0
CHANNEL_ELECTRODE_OFF = 1
CHANNEL_PULSE_TIMEOUT = 2
CHANNEL_LOW_CURRENT = 3

_CHANNEL_RESULTS = (OK, ELECTRODE_ERROR, PULSE_TIMEOUT, LOW_CURRENT)

HIGH_VOLTAGE_STANDARD = 0
HIGH_VOLTAGE_OFF = 1
HIGH_VOLTAGE_150 = 6

CHANNELS = 8
CURRENT_STEP_UA = 500
LARGEST_FIELD_UA = 150_000
"""What the field carries, either sign; the device itself gives less."""
SHORTEST_POINT_US = 10
LONGEST_POINT_US = 4095
POINTS = 16
PERIOD_STEP_US = 500
LONGEST_PERIOD_US = 16_383_000
FINE_STEP_US = 250
LONGEST_FINE_PERIOD_US = 8_191_500
LONGEST_RAMP = 15
DEVICE_ID_BYTES = 10
SAMPLES = 128
WHOLE_STATE = 4
"""Selects the state of all channels from the current data."""

Point = namedtuple("Point", ("duration_us", "current_ua"))

# period_us  from the start of a pulse to the start of the next
# ramp       pulses, 0 to 15, that rise to the current when the channel is switched on
# points     1 to 16 Point
Train = namedtuple("Train", ("period_us", "ramp", "points"))

# channel    0 red, 1 blue, 2 black, 3 white; connector 0 yellow, 1 green
Pulse = namedtuple("Pulse", ("execute", "channel", "connector", "points"))

PulseReply = namedtuple(
    "PulseReply", ("result", "channel", "connector", "measurement", "sampling_us", "samples")
)

Version = namedtuple("Version", ("firmware", "protocol", "hash", "hash_type", "is_valid"))

# active     mask of the channels that give pulses
# states     one CHANNEL_ code for each of the 8
# result     OK, or the error of a channel
CurrentData = namedtuple("CurrentData", ("active", "states", "result"))


def biphasic(current_ua: int, width_us: int, gap_us: int = 0) -> tuple[Point, ...]:
    """Two phases of ``width_us`` and opposite sign, apart by a gap where one is asked for."""
    first, second = Point(width_us, current_ua), Point(width_us, -current_ua)
    return (first, Point(gap_us, 0), second) if gap_us else (first, second)


# --- requests ----------------------------------------------------------------------------------------


def encode_ll_init(measurement: int = 0, high_voltage: int = HIGH_VOLTAGE_STANDARD) -> bytes:
    """Switches the high voltage on. ``measurement``: 0 none, 1 current, 2 voltage, 3 high voltage."""
    _require(0 <= measurement <= 3, "measurement", measurement, "0 to 3")
    _require(0 <= high_voltage <= HIGH_VOLTAGE_150, "high voltage", high_voltage, "0 to 6")
    return bytes((measurement << 4 | high_voltage << 1,))


def decode_ll_init(data: bytes) -> tuple[int, int] | None:
    """Measurement and high voltage."""
    if len(data) != 1 or data[0] & 0x81:
        return None
    return data[0] >> 4, data[0] >> 1 & 7


def encode_ll_channel_config(pulse: Pulse) -> bytes:
    """One pulse on one channel, given at once where ``execute`` is set."""
    _require(0 <= pulse.channel <= 3, "channel", pulse.channel, "0 to 3")
    _require(pulse.connector in (0, 1), "connector", pulse.connector, "0 or 1")
    head = bool(pulse.execute) << 7 | pulse.channel << 5 | pulse.connector << 4 | _count(pulse.points)
    return bytes((head,)) + _encode_points(pulse.points)


def decode_ll_channel_config(data: bytes) -> Pulse | None:
    """The pulse; the library sends no points where it is not to be given, and so may others."""
    if not data:
        return None
    execute = data[0] >> 7 == 1
    count = (data[0] & 15) + 1 if execute or len(data) > 1 else 0
    points = _decode_points(data, 1, count)
    if points is None or len(data) != 1 + 4 * count:
        return None
    return Pulse(execute, data[0] >> 5 & 3, data[0] >> 4 & 1, points)


def encode_ml_init(stop_all_on_error: bool) -> bytes:
    """Switches the high voltage on. Whether an error of one channel stops all of them."""
    return bytes((int(stop_all_on_error),))


def decode_ml_init(data: bytes) -> bool | None:
    """Whether an error of one channel stops all."""
    return data == b"\x01" if data in (b"\x00", b"\x01") else None


def encode_ml_update(trains: tuple[Train | None, ...]) -> bytes:
    """The pulses of up to 8 channels from the first on; ``None`` is a channel that is to give none."""
    _require(len(trains) <= CHANNELS, "number of channels", len(trains), "up to 8")
    mask = 0
    content = b""
    for channel, train in enumerate(trains):
        if train is not None:
            mask |= 1 << channel
            content += _encode_train(train)
    return bytes((mask,)) + content


def decode_ml_update(data: bytes) -> tuple[Train | None, ...] | None:
    """One entry for each of the 8 channels."""
    if not data:
        return None
    trains: list[Train | None] = []
    at = 1
    for channel in range(CHANNELS):
        train = None
        if data[0] >> channel & 1:
            train = _decode_train(data, at)
            if train is None:
                return None
            at += 3 + 4 * len(train.points)
        trains.append(train)
    return tuple(trains) if at == len(data) else None


def encode_current_data_request(selection: int = WHOLE_STATE) -> bytes:
    """Ask for the state of all channels; counts as a sign of life."""
    return bytes((selection,))


# --- replies -----------------------------------------------------------------------------------------


def decode_result(data: bytes) -> int | None:
    """The result of any reply."""
    return data[0] if data else None


def encode_device_id(text: str) -> bytes:
    """The reply with the device's own text, filled up with zeros."""
    content = text.encode()
    _require(len(content) <= DEVICE_ID_BYTES, "length of the device id", len(content), "up to 10")
    return bytes((OK,)) + content + bytes(DEVICE_ID_BYTES - len(content))


def decode_device_id(data: bytes) -> str | None:
    """The device's own text; what cannot be read in it is a question mark."""
    if len(data) != 1 + DEVICE_ID_BYTES or data[0] != OK:
        return None
    content = data[1:].rstrip(b"\x00 ")
    return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in content])


def encode_version(version: Version) -> bytes:
    """The reply to ``EXTENDED_VERSION``; firmware and protocol as ``1.2.3``."""
    numbers = bytes([int(part) for text in version[:2] for part in text.split(".")])
    fingerprint: bytes = version.hash.to_bytes(4, "big")
    return bytes((OK,)) + numbers + fingerprint + bytes((version.hash_type, int(version.is_valid)))


def decode_version(data: bytes) -> Version | None:
    """Firmware, protocol and the fingerprint of the firmware."""
    if len(data) != 13 or data[0] != OK:
        return None
    return Version(
        _dotted(data[1:4]), _dotted(data[4:7]), int.from_bytes(data[7:11], "big"), data[11], data[12] == 1
    )


def encode_battery(percent: int, voltage_mv: int) -> bytes:
    """The reply to ``BATTERY``."""
    return bytes((OK, percent)) + voltage_mv.to_bytes(2, "big")


def decode_battery(data: bytes) -> tuple[int, int] | None:
    """Percent and mV."""
    if len(data) != 4 or data[0] != OK:
        return None
    return data[1], data[2] << 8 | data[3]


def encode_stimulation_status(status: int, high_voltage: int) -> bytes:
    """The reply to ``STIMULATION_STATUS``."""
    return bytes((OK, status, high_voltage))


def decode_stimulation_status(data: bytes) -> tuple[int, int] | None:
    """Status (``UNINITIALISED`` to ``MID_LEVEL_RUNNING``) and high voltage."""
    if len(data) != 3 or data[0] != OK or data[1] > MID_LEVEL_RUNNING:
        return None
    return data[1], data[2]


def encode_current_data(current: CurrentData) -> bytes:
    """The reply to ``ML_CURRENT_DATA``."""
    states = current.states
    _require(len(states) == CHANNELS, "number of states", len(states), "8")
    pairs = [states[at] | states[at + 1] << 4 for at in range(0, CHANNELS, 2)]
    return bytes((current.result, WHOLE_STATE, current.active)) + bytes(pairs)


def decode_current_data(data: bytes) -> CurrentData | None:
    """Which channels give pulses, and the state of each, even where the result is the error of one."""
    if len(data) != 7 or data[0] not in _CHANNEL_RESULTS or data[1] != WHOLE_STATE:
        return None
    states = [data[3 + channel // 2] >> 4 * (channel % 2) & 15 for channel in range(CHANNELS)]
    return CurrentData(data[2], tuple(states), data[0])


def encode_pulse_reply(reply: PulseReply) -> bytes:
    """The reply to ``LL_CHANNEL_CONFIG``, sent when the pulse was given."""
    head = bytes((reply.result, reply.connector << 4 | reply.channel, reply.measurement))
    if not reply.measurement:
        return head
    _require(len(reply.samples) == SAMPLES, "number of samples", len(reply.samples), "128")
    words = [word.to_bytes(2, "big") for word in reply.samples]
    return head + reply.sampling_us.to_bytes(2, "big") + b"".join(words)  # type: ignore[no-any-return]


def decode_pulse_reply(data: bytes) -> PulseReply | None:
    """Result, channel, and 128 samples in hundredths of mA or V where a measurement was asked for."""
    measured = len(data) > 2 and data[2] != 0
    if len(data) != (5 + 2 * SAMPLES if measured else 3):
        return None
    words = tuple([data[at] << 8 | data[at + 1] for at in range(3, len(data), 2)])
    sampling_us = words[0] if words else 0
    return PulseReply(data[0], data[1] & 15, data[1] >> 4, data[2], sampling_us, words[1:])


# --- trains and points -------------------------------------------------------------------------------


def _encode_train(train: Train) -> bytes:
    _require(0 <= train.ramp <= LONGEST_RAMP, "ramp", train.ramp, "0 to 15")
    period = _encode_period(train.period_us)
    head = bytes((_count(train.points) << 4 | train.ramp,))
    return head + period.to_bytes(2, "big") + _encode_points(train.points)


def _encode_period(period_us: int) -> int:
    """15 bits of steps, then the bit that says how fine they are."""
    if period_us % PERIOD_STEP_US == 0 and 0 < period_us <= LONGEST_PERIOD_US:
        return period_us // PERIOD_STEP_US << 1
    fine = period_us % FINE_STEP_US == 0 and 0 < period_us <= LONGEST_FINE_PERIOD_US
    _require(fine, "period in us", period_us, "steps of 500 up to 16383000, or of 250 up to 8191500")
    return period_us // FINE_STEP_US << 1 | 1


def _decode_train(data: bytes, at: int) -> Train | None:
    if len(data) < at + 3:
        return None
    period = data[at + 1] << 8 | data[at + 2]
    points = _decode_points(data, at + 3, (data[at] >> 4) + 1)
    if points is None or period < 2:
        return None
    step_us = FINE_STEP_US if period & 1 else PERIOD_STEP_US
    return Train((period >> 1) * step_us, data[at] & 15, points)


def _count(points: tuple[Point, ...]) -> int:
    _require(1 <= len(points) <= POINTS, "number of points", len(points), "1 to 16")
    return len(points) - 1


def _encode_points(points: tuple[Point, ...]) -> bytes:
    return b"".join([_encode_point(*point) for point in points])


def _encode_point(duration_us: int, current_ua: int) -> bytes:
    in_range = SHORTEST_POINT_US <= duration_us <= LONGEST_POINT_US
    _require(in_range, "duration in us", duration_us, "10 to 4095")
    fits = current_ua % CURRENT_STEP_UA == 0 and -LARGEST_FIELD_UA <= current_ua <= LARGEST_FIELD_UA
    _require(fits, "current in uA", current_ua, "steps of 500 from -150000 to 150000")
    current = (current_ua + LARGEST_FIELD_UA) // CURRENT_STEP_UA
    return (duration_us << 20 | current << 10).to_bytes(4, "big")


def _decode_points(data: bytes, at: int, count: int) -> tuple[Point, ...] | None:
    points = []
    for _ in range(count):
        word = int.from_bytes(data[at : at + 4], "big")
        current = word >> 10 & 0x3FF
        if len(data) < at + 4 or word & 0x3FF or current > 2 * LARGEST_FIELD_UA // CURRENT_STEP_UA:
            return None
        points.append(Point(word >> 20, current * CURRENT_STEP_UA - LARGEST_FIELD_UA))
        at += 4
    return tuple(points)


def _dotted(numbers: bytes) -> str:
    return ".".join([str(number) for number in numbers])


def _require(holds: bool, name: str, value: int, allowed: str) -> None:
    if not holds:
        raise EncodingError(f"ScienceMode4 {name} {value} does not exist: use {allowed}")
