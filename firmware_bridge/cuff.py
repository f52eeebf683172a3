"""The messages of our own cuff controller: both sides of the wire.

Theory of operation
-------------------
One function of the host is one ECP packet with a code from 40 hex on, answered with the same code;
status (C0) comes by itself, twenty times a second.  Every message that can change an output or that a
decision rests on ends in a CRC-16 over its code and its content (``fields``), because ECP's short form has
no checksum: only a lease whose CRC holds can energise.  Vent and relay-open carry nothing that could fail.

Two outputs are leased, each numbered by itself: the cuff, for one of four limbs, and the stimulator's relay.

``encode_x_request`` / ``decode_x_reply`` are the host's half, ``decode_x_request`` / ``encode_x_reply``
the device's; ``encode_*`` return whole frames, ``decode_*`` take an ``ecp.Packet`` and return the
message, or ``None`` for anything invalid (another code, another length, a CRC that does not hold, a
value outside its range).  ``None`` inside a message means "not known".

Units: pressures 0.1 mmHg (a missing one travels as -32768), times ms, pump 1/1000.  All little endian. Limbs:
left and right thigh, left and right upper arm; ``NO_LIMB``: the cuff is off every limb (its acceptance test).

``nonce`` changes at every reset of the device and is repeated by every request that could energise or
forgive: a device that restarted ignores whoever does not know that it did.

Portable subset: runs on CPython and on MicroPython.
"""

import binascii
from collections import namedtuple

from . import ecp, fields

PROTOCOL_MIN = 2
PROTOCOL_MAX = 2

HELLO = 0x40
TIGHTEN = 0x41
LEASE = 0x42
VENT = 0x43
SELF_TEST = 0x44
CLEAR_FAULTS = 0x45
ANNUNCIATE = 0x46
RELAY = 0x47
RELAY_OPEN = 0x48
STATUS = 0xC0

MISSING = fields.MISSING

LIMBS = 4
NO_LIMB = 255

# Results of tighten, lease, self-test, clear faults, annunciate and relay.  A target below zero counts as 1.
# NOT_VENTED (the cuff is not empty) answers a self-test and a lease for another limb, NOT_ZERO and
# SENSOR_MISSING a self-test only.  DEBT and LIMB_TOO_SOON are waits; NO_PRESENCE wants the bedside button.
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
WRONG_LIMB = 10
LIMB_TOO_SOON = 11
NO_PRESENCE = 12

VENTED = 0
INFLATING = 1
HOLDING = 2
LOWERING = 3

# ``actuators``.  MOVING: air goes in or out on purpose.  PATIENT_STOP: pressed, or since the button was.
DUMP_CLOSED = 1
INFLATE_OPEN = 2
PUMP_ON = 4
BUZZER = 8
BUTTON = 16
RELAY_CLOSED = 32
PATIENT_STOP = 64
MOVING = 128

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
FAULT_NO_RISE = 512
FAULT_PUMP_STUCK = 1024
FAULT_PRESSURE_STEP = 2048

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
    "overdue_ms",
    "lease_longest_ms",
    "sensors_disagree_dmmhg",
    "sensors_disagree_ms",
    "sensor_missing_ms",
    "loop_late_ms",
    "not_deflated_ms",
    "self_test_zero_dmmhg",
    "presence_ms",
    "presence_rest_ms",
    "limb_gap_ms",
    "no_rise_ms",
    "no_rise_dmmhg",
    "vent_check_above_dmmhg",
    "vent_check_ms",
    "vent_fall_dmmhg",
    "pump_stuck_dmmhg",
    "pressure_step_dmmhg",
    "pressure_step_ms",
    "silent_host_ms",
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
LeaseRequest = namedtuple(
    "LeaseRequest", ("seq", "limb", "target_dmmhg", "duration_ms", "planned_ms", "nonce")
)
LeaseReply = namedtuple("LeaseReply", ("result", "seq"))
RelayRequest = namedtuple("RelayRequest", ("seq", "duration_ms", "nonce"))
RelayReply = namedtuple("RelayReply", ("result", "seq"))
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
        "left_thigh_debt_ms",
        "right_thigh_debt_ms",
        "left_upper_arm_debt_ms",
        "right_upper_arm_debt_ms",
        "limb",
        "lease_seq",
        "lease_left_ms",
        "relay_seq",
        "faults",
        "first_fault",
        "presses",
        "presence",
    ),
)

_HELLO_REQUEST = "<BB"
_HELLO = "<BBBBBII16s24s"
_TIGHTEN_REQUEST = "<HI"
_TIGHTEN_REPLY = "<BH"
_LEASE_REQUEST = "<HBhHII"
_RELAY_REQUEST = "<HHI"
_SEQUENCED_REPLY = "<BH"
_NONCE = "<I"
_SELF_TEST_REPLY = "<Bhh"
_RESULT = "<B"
_STATUS = "<HIIhhhBBHIIIIBHHHHHBB"
# From which field to which, the last one not included.
_STATUS_PRESSURES = (3, 6)

# With the two bytes of the CRC where there is one.
_REQUEST_LENGTHS = {
    HELLO: 2,
    TIGHTEN: 8,
    LEASE: 17,
    VENT: 0,
    SELF_TEST: 6,
    CLEAR_FAULTS: 6,
    ANNUNCIATE: 3,
    RELAY: 10,
    RELAY_OPEN: 0,
}


def limits_crc(limits: tuple[tuple[str, int], ...]) -> int:
    """CRC-32 over the ASCII lines ``name=value\\n`` of a limits table, in the table's order."""
    text = "".join(f"{name}={value}\n" for name, value in limits)
    return binascii.crc32(text.encode()) & 0xFFFFFFFF


# --- hello -------------------------------------------------------------------------------------------


def encode_hello_request(protocol_min: int = PROTOCOL_MIN, protocol_max: int = PROTOCOL_MAX) -> bytes:
    """Ask who is there, saying which protocol versions we speak."""
    return ecp.encode_frame(HELLO, fields.pack(_HELLO_REQUEST, (protocol_min, protocol_max)))


def decode_hello_request(packet: ecp.Packet) -> HelloRequest | None:
    """The device's view of a hello."""
    unpacked = fields.plain(packet, HELLO, _HELLO_REQUEST)
    return None if unpacked is None else HelloRequest(*unpacked)


def encode_hello_reply(hello: Hello) -> bytes:
    """Answer a hello; serial and board are padded with zeros."""
    return fields.guarded_frame(HELLO, _HELLO, hello)


def decode_hello_reply(packet: ecp.Packet) -> Hello | None:
    """Who is there."""
    unpacked = fields.guarded(packet, HELLO, _HELLO)
    if unpacked is None:
        return None
    texts = tuple(text.rstrip(b"\x00") for text in unpacked[-2:])
    return Hello(*(unpacked[:-2] + texts))


# --- tighten -----------------------------------------------------------------------------------------


def encode_tighten_request(ceiling_dmmhg: int, nonce: int) -> bytes:
    """Lower the device's pressure ceiling; the device never raises it again before a reset."""
    return fields.guarded_frame(TIGHTEN, _TIGHTEN_REQUEST, (ceiling_dmmhg, nonce))


def decode_tighten_request(packet: ecp.Packet) -> TightenRequest | None:
    """The device's view of a tighten."""
    unpacked = fields.guarded(packet, TIGHTEN, _TIGHTEN_REQUEST)
    return None if unpacked is None else TightenRequest(*unpacked)


def encode_tighten_reply(result: int, ceiling_dmmhg: int) -> bytes:
    """Answer with the ceiling that holds from now on."""
    return fields.guarded_frame(TIGHTEN, _TIGHTEN_REPLY, (result, ceiling_dmmhg))


def decode_tighten_reply(packet: ecp.Packet) -> TightenReply | None:
    """Result and the ceiling that holds."""
    unpacked = fields.guarded(packet, TIGHTEN, _TIGHTEN_REPLY)
    return None if unpacked is None else TightenReply(*unpacked)


# --- lease -------------------------------------------------------------------------------------------


def encode_lease_request(
    seq: int, limb: int, target_dmmhg: int, duration_ms: int, planned_ms: int, nonce: int
) -> bytes:
    """Ask for a pressure for a while; ``planned_ms``, from inflation to vent command, stays the same."""
    request = (seq, limb, target_dmmhg, duration_ms, planned_ms, nonce)
    return fields.guarded_frame(LEASE, _LEASE_REQUEST, request)


def decode_lease_request(packet: ecp.Packet) -> LeaseRequest | None:
    """The device's view of a lease for a limb that exists, or for none; the rest is its own decision."""
    unpacked = fields.guarded(packet, LEASE, _LEASE_REQUEST)
    return None if unpacked is None or LIMBS <= unpacked[1] < NO_LIMB else LeaseRequest(*unpacked)


def encode_lease_reply(result: int, seq: int) -> bytes:
    """Grant or refuse the lease with this sequence number."""
    return fields.guarded_frame(LEASE, _SEQUENCED_REPLY, (result, seq))


def decode_lease_reply(packet: ecp.Packet) -> LeaseReply | None:
    """Result and sequence number of the lease it answers."""
    unpacked = fields.guarded(packet, LEASE, _SEQUENCED_REPLY)
    return None if unpacked is None else LeaseReply(*unpacked)


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
    return fields.guarded_frame(SELF_TEST, _NONCE, (nonce,))


def decode_self_test_request(packet: ecp.Packet) -> int | None:
    """The nonce of a self-test request."""
    return fields.single(packet, SELF_TEST, _NONCE)


def encode_self_test_reply(result: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> bytes:
    """Answer with the two readings that the verdict rests on."""
    verdict = (result, fields.to_wire(control_dmmhg), fields.to_wire(limit_dmmhg))
    return fields.guarded_frame(SELF_TEST, _SELF_TEST_REPLY, verdict)


def decode_self_test_reply(packet: ecp.Packet) -> SelfTestReply | None:
    """Result (0 passed) and the two readings."""
    unpacked = fields.guarded(packet, SELF_TEST, _SELF_TEST_REPLY)
    if unpacked is None:
        return None
    return SelfTestReply(unpacked[0], fields.from_wire(unpacked[1]), fields.from_wire(unpacked[2]))


def encode_clear_request(nonce: int) -> bytes:
    """Forgive the latched faults; a person at the bedside asked for it."""
    return fields.guarded_frame(CLEAR_FAULTS, _NONCE, (nonce,))


def decode_clear_request(packet: ecp.Packet) -> int | None:
    """The nonce of a clear request."""
    return fields.single(packet, CLEAR_FAULTS, _NONCE)


def encode_clear_reply(result: int) -> bytes:
    """Answer a clear request."""
    return fields.guarded_frame(CLEAR_FAULTS, _RESULT, (result,))


def decode_clear_reply(packet: ecp.Packet) -> int | None:
    """Result of a clear request."""
    return fields.single(packet, CLEAR_FAULTS, _RESULT)


def encode_annunciate_request(priority: int) -> bytes:
    """Sound the device's buzzer for an alarm of the host; 0 silences what the host asked for."""
    return fields.guarded_frame(ANNUNCIATE, _RESULT, (priority,))


def decode_annunciate_request(packet: ecp.Packet) -> int | None:
    """The priority, 0 (silent) to 3 (high)."""
    priority = fields.single(packet, ANNUNCIATE, _RESULT)
    return None if priority is None or priority > HIGH else priority


def encode_annunciate_reply(result: int) -> bytes:
    """Answer an annunciate request."""
    return fields.guarded_frame(ANNUNCIATE, _RESULT, (result,))


def decode_annunciate_reply(packet: ecp.Packet) -> int | None:
    """Result of an annunciate request."""
    return fields.single(packet, ANNUNCIATE, _RESULT)


# --- the relay in the stimulator's lead --------------------------------------------------------------


def encode_relay_request(seq: int, duration_ms: int, nonce: int) -> bytes:
    """Ask for the relay to be closed for a while: without it the stimulator's current reaches nobody."""
    return fields.guarded_frame(RELAY, _RELAY_REQUEST, (seq, duration_ms, nonce))


def decode_relay_request(packet: ecp.Packet) -> RelayRequest | None:
    """The device's view of a relay lease."""
    unpacked = fields.guarded(packet, RELAY, _RELAY_REQUEST)
    return None if unpacked is None else RelayRequest(*unpacked)


def encode_relay_reply(result: int, seq: int) -> bytes:
    """Grant or refuse the relay lease with this sequence number."""
    return fields.guarded_frame(RELAY, _SEQUENCED_REPLY, (result, seq))


def decode_relay_reply(packet: ecp.Packet) -> RelayReply | None:
    """Result and sequence number of the relay lease it answers."""
    unpacked = fields.guarded(packet, RELAY, _SEQUENCED_REPLY)
    return None if unpacked is None else RelayReply(*unpacked)


def encode_relay_open() -> bytes:
    """Open the relay now; the reply has the same bytes."""
    return ecp.encode_frame(RELAY_OPEN)


def decode_relay_open(packet: ecp.Packet) -> bool:
    """Whether this is a relay-open command (device) or its reply (host)."""
    return bool(packet.code == RELAY_OPEN and not packet.content)


# --- status ------------------------------------------------------------------------------------------


def encode_status(status: Status) -> bytes:
    """One status frame; pressures and target may be ``None``."""
    first, last = _STATUS_PRESSURES
    pressures = tuple([fields.to_wire(pressure) for pressure in status[first:last]])
    return fields.guarded_frame(STATUS, _STATUS, status[:first] + pressures + status[last:])


def decode_status(packet: ecp.Packet) -> Status | None:
    """One status; pressures are ``None`` where the sensor is missing, the target where vented."""
    unpacked = fields.guarded(packet, STATUS, _STATUS)
    if unpacked is None or unpacked[6] > LOWERING or LIMBS <= unpacked[13] < NO_LIMB:
        return None
    first, last = _STATUS_PRESSURES
    pressures = [fields.from_wire(pressure) for pressure in unpacked[first:last]]
    return Status(*unpacked[:first], *pressures, *unpacked[last:])


# --- refusals ----------------------------------------------------------------------------------------


def decode_nack(packet: ecp.Packet) -> int | None:
    """The error byte of a refusal."""
    return packet.content[0] if packet.code == ecp.NACK and len(packet.content) == 1 else None


def request_length(code: int) -> int | None:
    """How long the content of a request with this code is; ``None`` for a code that is no request."""
    return _REQUEST_LENGTHS.get(code)


def crc_holds(packet: ecp.Packet) -> bool:
    """Whether the last two bytes are the CRC-16 of code and content; tells why a decode failed."""
    return fields.crc_holds(packet)
