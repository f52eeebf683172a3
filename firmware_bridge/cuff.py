"""The messages of our own cuff controller: both sides of the wire.

Theory of operation
-------------------
One function of the host is one ECP packet with a code from 40 hex on, answered with the same code;
status (C0) comes by itself, twenty times a second.  Every message that can change an output or that a
decision rests on ends in a CRC-16 over its code and its content, because ECP's short form has no
checksum: only a lease whose CRC holds can energise.  Vent carries nothing, so that nothing can be wrong
with it.

``encode_x_request`` / ``decode_x_reply`` are the host's half, ``decode_x_request`` / ``encode_x_reply``
the device's; ``encode_*`` return whole frames, ``decode_*`` take an ``ecp.Packet`` and return the
message, or ``None`` for anything invalid (another code, another length, a CRC that does not hold, a
value outside its range).  ``None`` inside a message means "not known".

Units: pressures 0.1 mmHg (a missing one travels as -32768), times ms, pump 1/1000.  All little endian.

``nonce`` changes at every reset of the device and is repeated by every request that could energise or
forgive: a device that restarted ignores whoever does not know that it did.

Portable subset: runs on CPython and on MicroPython.
"""

import binascii
import struct
from collections import namedtuple

from . import ecp
from .checksums import crc16
from .errors import EncodingError

PROTOCOL_MIN = 1
PROTOCOL_MAX = 1

HELLO = 0x40
TIGHTEN = 0x41
LEASE = 0x42
VENT = 0x43
SELF_TEST = 0x44
CLEAR_FAULTS = 0x45
ANNUNCIATE = 0x46
STATUS = 0xC0

MISSING = -32768

# Results of tighten, lease, self-test, clear faults and annunciate.  A target below zero counts as 1;
# the last three answer a self-test: the cuff is not empty, a sensor is off zero, a sensor is missing.
OK = 0
TARGET_ABOVE_CEILING = 1
BAD_DURATION = 2
WRONG_NONCE = 3
DEBT = 4
FAULTED = 5
OLD_SEQUENCE = 6
NOT_VENTED = 7
NOT_ZERO = 8
SENSOR_MISSING = 9

VENTED = 0
INFLATING = 1
HOLDING = 2
LOWERING = 3

DUMP_CLOSED = 1
INFLATE_OPEN = 2
PUMP_ON = 4
BUZZER = 8
BUTTON = 16

SILENT = 0
LOW = 1
MEDIUM = 2
HIGH = 3

FAULT_OVER_PRESSURE = 1
FAULT_OCCLUSION_TIME = 2
FAULT_CONTROL_SENSOR = 4
FAULT_LIMIT_SENSOR = 8
FAULT_SENSORS_DISAGREE = 16
FAULT_GATEWAY_LOST = 32
FAULT_LOOP_LATE = 64
FAULT_SELF_TEST_FAILED = 128
FAULT_NOT_DEFLATED = 256

SERIAL_BYTES = 16
BOARD_BYTES = 24

# The names of the firmware's built-in limits in the order in which their CRC runs over them.
LIMIT_NAMES = (
    "pressure_ceiling_dmmhg",
    "pressure_trip_dmmhg",
    "pressure_trip_ms",
    "pressure_trip_once_dmmhg",
    "deflated_dmmhg",
    "debt_inflation_ms",
    "debt_vent_ms",
    "debt_after_reset_ms",
    "lease_longest_ms",
    "sensors_disagree_dmmhg",
    "sensors_disagree_ms",
    "sensor_missing_ms",
    "loop_late_ms",
    "not_deflated_ms",
    "self_test_zero_dmmhg",
)

# Request: protocol_min, protocol_max.  Serial and board are bytes without their padding.
HelloRequest = namedtuple("HelloRequest", ("protocol_min", "protocol_max"))
Hello = namedtuple(
    "Hello",
    (
        "protocol_min",
        "protocol_max",
        "fw_major",
        "fw_minor",
        "fw_patch",
        "limits_crc",
        "nonce",
        "serial",
        "board",
    ),
)
TightenRequest = namedtuple("TightenRequest", ("ceiling_dmmhg", "nonce"))
TightenReply = namedtuple("TightenReply", ("result", "ceiling_dmmhg"))
LeaseRequest = namedtuple("LeaseRequest", ("seq", "target_dmmhg", "duration_ms", "planned_ms", "nonce"))
LeaseReply = namedtuple("LeaseReply", ("result", "seq"))
SelfTestReply = namedtuple("SelfTestReply", ("result", "control_dmmhg", "limit_dmmhg"))
Status = namedtuple(
    "Status",
    (
        "counter",
        "device_ms",
        "nonce",
        "control_dmmhg",
        "limit_dmmhg",
        "target_dmmhg",
        "state",
        "actuators",
        "pump_permille",
        "debt_ms",
        "lease_seq",
        "lease_left_ms",
        "faults",
        "first_fault",
    ),
)

_HELLO_REQUEST = "<BB"
_HELLO = "<BBBBBII16s24s"
_TIGHTEN_REQUEST = "<HI"
_TIGHTEN_REPLY = "<BH"
_LEASE_REQUEST = "<HhHII"
_LEASE_REPLY = "<BH"
_NONCE = "<I"
_SELF_TEST_REPLY = "<Bhh"
_RESULT = "<B"
_STATUS = "<HIIhhhBBHIHHHH"
_STATUS_PRESSURES = (3, 4, 5)

# With the two bytes of the CRC where there is one.
_REQUEST_LENGTHS = {
    HELLO: 2,
    TIGHTEN: 8,
    LEASE: 16,
    VENT: 0,
    SELF_TEST: 6,
    CLEAR_FAULTS: 6,
    ANNUNCIATE: 3,
}

_FIELD_RANGES = {
    "B": (0, 0xFF),
    "H": (0, 0xFFFF),
    "h": (-0x8000, 0x7FFF),
    "I": (0, 0xFFFFFFFF),
}


def limits_crc(limits: tuple[tuple[str, int], ...]) -> int:
    """CRC-32 over the ASCII lines ``name=value\\n`` of a limits table, in the table's order."""
    text = "".join(f"{name}={value}\n" for name, value in limits)
    return binascii.crc32(text.encode()) & 0xFFFFFFFF


# --- hello -------------------------------------------------------------------------------------------


def encode_hello_request(protocol_min: int = PROTOCOL_MIN, protocol_max: int = PROTOCOL_MAX) -> bytes:
    """Ask who is there, saying which protocol versions we speak."""
    return ecp.encode_frame(HELLO, _pack(_HELLO_REQUEST, (protocol_min, protocol_max)))


def decode_hello_request(packet: ecp.Packet) -> HelloRequest | None:
    """The device's view of a hello."""
    fields = _plain(packet, HELLO, _HELLO_REQUEST)
    return None if fields is None else HelloRequest(*fields)


def encode_hello_reply(hello: Hello) -> bytes:
    """Answer a hello; serial and board are padded with zeros."""
    return _guarded_frame(HELLO, _HELLO, hello)


def decode_hello_reply(packet: ecp.Packet) -> Hello | None:
    """Who is there."""
    fields = _guarded(packet, HELLO, _HELLO)
    if fields is None:
        return None
    texts = tuple(text.rstrip(b"\x00") for text in fields[-2:])
    return Hello(*(fields[:-2] + texts))


# --- tighten -----------------------------------------------------------------------------------------


def encode_tighten_request(ceiling_dmmhg: int, nonce: int) -> bytes:
    """Lower the device's pressure ceiling; the device never raises it again before a reset."""
    return _guarded_frame(TIGHTEN, _TIGHTEN_REQUEST, (ceiling_dmmhg, nonce))


def decode_tighten_request(packet: ecp.Packet) -> TightenRequest | None:
    """The device's view of a tighten."""
    fields = _guarded(packet, TIGHTEN, _TIGHTEN_REQUEST)
    return None if fields is None else TightenRequest(*fields)


def encode_tighten_reply(result: int, ceiling_dmmhg: int) -> bytes:
    """Answer with the ceiling that holds from now on."""
    return _guarded_frame(TIGHTEN, _TIGHTEN_REPLY, (result, ceiling_dmmhg))


def decode_tighten_reply(packet: ecp.Packet) -> TightenReply | None:
    """Result and the ceiling that holds."""
    fields = _guarded(packet, TIGHTEN, _TIGHTEN_REPLY)
    return None if fields is None else TightenReply(*fields)


# --- lease -------------------------------------------------------------------------------------------


def encode_lease_request(seq: int, target_dmmhg: int, duration_ms: int, planned_ms: int, nonce: int) -> bytes:
    """Ask for a pressure for a while; ``planned_ms`` counts from inflation to vent command."""
    return _guarded_frame(LEASE, _LEASE_REQUEST, (seq, target_dmmhg, duration_ms, planned_ms, nonce))


def decode_lease_request(packet: ecp.Packet) -> LeaseRequest | None:
    """The device's view of a lease; whether its values are allowed is the controller's decision."""
    fields = _guarded(packet, LEASE, _LEASE_REQUEST)
    return None if fields is None else LeaseRequest(*fields)


def encode_lease_reply(result: int, seq: int) -> bytes:
    """Grant or refuse the lease with this sequence number."""
    return _guarded_frame(LEASE, _LEASE_REPLY, (result, seq))


def decode_lease_reply(packet: ecp.Packet) -> LeaseReply | None:
    """Result and sequence number of the lease it answers."""
    fields = _guarded(packet, LEASE, _LEASE_REPLY)
    return None if fields is None else LeaseReply(*fields)


# --- vent --------------------------------------------------------------------------------------------


def encode_vent() -> bytes:
    """Vent now; the reply has the same bytes."""
    return ecp.encode_frame(VENT)


def decode_vent(packet: ecp.Packet) -> bool:
    """Whether this is a vent command (device) or its reply (host)."""
    return bool(packet.code == VENT and not packet.content)


# --- self-test, clear faults, annunciate -------------------------------------------------------------


def encode_self_test_request(nonce: int) -> bytes:
    """Ask a vented device whether both sensors read zero."""
    return _guarded_frame(SELF_TEST, _NONCE, (nonce,))


def decode_self_test_request(packet: ecp.Packet) -> int | None:
    """The nonce of a self-test request."""
    return _single(packet, SELF_TEST, _NONCE)


def encode_self_test_reply(result: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> bytes:
    """Answer with the two readings that the verdict rests on."""
    fields = (result, _to_wire(control_dmmhg), _to_wire(limit_dmmhg))
    return _guarded_frame(SELF_TEST, _SELF_TEST_REPLY, fields)


def decode_self_test_reply(packet: ecp.Packet) -> SelfTestReply | None:
    """Result (0 passed) and the two readings."""
    fields = _guarded(packet, SELF_TEST, _SELF_TEST_REPLY)
    return None if fields is None else SelfTestReply(fields[0], _from_wire(fields[1]), _from_wire(fields[2]))


def encode_clear_request(nonce: int) -> bytes:
    """Forgive the latched faults; a person at the bedside asked for it."""
    return _guarded_frame(CLEAR_FAULTS, _NONCE, (nonce,))


def decode_clear_request(packet: ecp.Packet) -> int | None:
    """The nonce of a clear request."""
    return _single(packet, CLEAR_FAULTS, _NONCE)


def encode_clear_reply(result: int) -> bytes:
    """Answer a clear request."""
    return _guarded_frame(CLEAR_FAULTS, _RESULT, (result,))


def decode_clear_reply(packet: ecp.Packet) -> int | None:
    """Result of a clear request."""
    return _single(packet, CLEAR_FAULTS, _RESULT)


def encode_annunciate_request(priority: int) -> bytes:
    """Sound the device's buzzer for an alarm of the host; 0 silences what the host asked for."""
    return _guarded_frame(ANNUNCIATE, _RESULT, (priority,))


def decode_annunciate_request(packet: ecp.Packet) -> int | None:
    """The priority, 0 (silent) to 3 (high)."""
    priority = _single(packet, ANNUNCIATE, _RESULT)
    return None if priority is None or priority > HIGH else priority


def encode_annunciate_reply(result: int) -> bytes:
    """Answer an annunciate request."""
    return _guarded_frame(ANNUNCIATE, _RESULT, (result,))


def decode_annunciate_reply(packet: ecp.Packet) -> int | None:
    """Result of an annunciate request."""
    return _single(packet, ANNUNCIATE, _RESULT)


# --- status ------------------------------------------------------------------------------------------


def encode_status(status: Status) -> bytes:
    """One status frame; pressures and target may be ``None``."""
    fields = list(status)
    for index in _STATUS_PRESSURES:
        fields[index] = _to_wire(fields[index])
    return _guarded_frame(STATUS, _STATUS, tuple(fields))


def decode_status(packet: ecp.Packet) -> Status | None:
    """One status; pressures are ``None`` where the sensor is missing, the target where vented."""
    unpacked = _guarded(packet, STATUS, _STATUS)
    if unpacked is None or unpacked[6] > LOWERING:
        return None
    fields = list(unpacked)
    for index in _STATUS_PRESSURES:
        fields[index] = _from_wire(fields[index])
    return Status(*fields)


# --- refusals ----------------------------------------------------------------------------------------


def decode_nack(packet: ecp.Packet) -> int | None:
    """The error byte of a refusal."""
    return packet.content[0] if packet.code == ecp.NACK and len(packet.content) == 1 else None


def request_length(code: int) -> int | None:
    """How long the content of a request with this code is; ``None`` for a code that is no request."""
    return _REQUEST_LENGTHS.get(code)


def crc_holds(packet: ecp.Packet) -> bool:
    """Whether the last two bytes are the CRC-16 of code and content; tells why a decode failed."""
    body = packet.content[:-2]
    stored = packet.content[-2:]
    return len(stored) == 2 and stored == _crc_bytes(packet.code, body)


# --- fields ------------------------------------------------------------------------------------------


def _guarded_frame(code: int, layout: str, fields: tuple[int | bytes, ...]) -> bytes:
    body = _pack(layout, fields)
    return ecp.encode_frame(code, body + _crc_bytes(code, body))


def _guarded(packet: ecp.Packet, code: int, layout: str) -> tuple | None:  # type: ignore[type-arg]
    """The fields of a message whose code, length and CRC hold, else None."""
    size = struct.calcsize(layout)
    if packet.code != code or len(packet.content) != size + 2 or not crc_holds(packet):
        return None
    return struct.unpack(layout, packet.content[:size])


def _plain(packet: ecp.Packet, code: int, layout: str) -> tuple | None:  # type: ignore[type-arg]
    """The fields of a message without CRC whose code and length hold, else None."""
    if packet.code != code or len(packet.content) != struct.calcsize(layout):
        return None
    return struct.unpack(layout, packet.content)


def _single(packet: ecp.Packet, code: int, layout: str) -> int | None:
    fields = _guarded(packet, code, layout)
    return None if fields is None else fields[0]


def _crc_bytes(code: int, body: bytes) -> bytes:
    return struct.pack("<H", crc16(body, crc16(bytes((code,)))))


def _pack(layout: str, fields: tuple[int | bytes, ...]) -> bytes:
    """``struct.pack`` that refuses what does not fit: MicroPython's would cut it in silence."""
    kinds = layout[1:].replace("16s", "t").replace("24s", "u")
    for index, kind in enumerate(kinds):
        _check_field(kind, fields[index], index)
    return struct.pack(layout, *fields)


def _check_field(kind: str, value: int | bytes, index: int) -> None:
    if isinstance(value, int):
        low, high = _FIELD_RANGES[kind]
        if not low <= value <= high:
            raise EncodingError(f"cuff field {index} is {value}: use {low} to {high}")
    elif len(value) > (SERIAL_BYTES if kind == "t" else BOARD_BYTES):
        raise EncodingError(f"cuff field {index} is {len(value)} bytes long: shorten it")


def _to_wire(pressure_dmmhg: int | None) -> int:
    return MISSING if pressure_dmmhg is None else pressure_dmmhg


def _from_wire(pressure_dmmhg: int) -> int | None:
    return None if pressure_dmmhg == MISSING else pressure_dmmhg
