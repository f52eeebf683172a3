"""What the device answers to each request of the host.

Theory of operation
-------------------
A request whose code is unknown, whose length is wrong, whose CRC does not hold or whose value does not exist
is refused with a NACK and has no effect.  Everything else is judged in an order that keeps the answer
useful: a stranger (wrong nonce) learns nothing more, a latched device says so before it complains about
numbers, and debt comes last because it is a wait and not a mistake.

Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from .. import cuff, ecp
from . import limits
from .core import Core

VERSION = (0, 1, 0)
LIMITS_CRC = cuff.limits_crc(limits.LIMITS)

# nonce: int, serial: bytes (at most 16), board: bytes (at most 24)
Identity = namedtuple("Identity", ("nonce", "serial", "board"))


def answer(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    """Do what a packet asks; return the frame to send back."""
    length = cuff.request_length(packet.code)
    if length is None:
        return ecp.encode_nack(ecp.ERROR_UNKNOWN_FUNCTION)
    if len(packet.content) != length:
        return ecp.encode_nack(ecp.ERROR_LENGTH)
    if packet.code not in _WITHOUT_CRC and not cuff.crc_holds(packet):
        return ecp.encode_nack(ecp.ERROR_CRC)
    return _ANSWERS[packet.code](core, identity, packet, now_ms)


def _hello(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    # A host of another protocol range gets the same answer and sees for itself that it does not fit.
    return cuff.encode_hello_reply(
        cuff.Hello(
            cuff.PROTOCOL_MIN,
            cuff.PROTOCOL_MAX,
            *VERSION,
            LIMITS_CRC,
            identity.nonce,
            identity.serial,
            identity.board,
        )
    )


def _tighten(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    request = cuff.decode_tighten_request(packet)
    if request is None:
        return ecp.encode_nack(ecp.ERROR_VALUE)
    if request.nonce != identity.nonce:
        return cuff.encode_tighten_reply(cuff.WRONG_NONCE, core.ceiling_dmmhg)
    core.tighten(request.ceiling_dmmhg, now_ms)
    return cuff.encode_tighten_reply(cuff.OK, core.ceiling_dmmhg)


def _lease(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    request = cuff.decode_lease_request(packet)
    if request is None:
        return ecp.encode_nack(ecp.ERROR_VALUE)
    if request.nonce != identity.nonce:
        return cuff.encode_lease_reply(cuff.WRONG_NONCE, request.seq)
    result = _judge(core, request)
    if core.lease.is_new(request.seq):
        core.lease.use(request.seq)
    if result == cuff.OK:
        core.energise(request.target_dmmhg, request.duration_ms, now_ms)
    return cuff.encode_lease_reply(result, request.seq)


def _judge(core: Core, request: cuff.LeaseRequest) -> int:
    starts = not core.is_energised()
    if starts and not core.interlock.faults:
        core.refuse_missing_sensors()
    if core.interlock.faults:
        return cuff.FAULTED
    if not core.lease.is_new(request.seq):
        return cuff.OLD_SEQUENCE
    if not 0 < request.duration_ms <= limits.LEASE_LONGEST_MS:
        return cuff.BAD_DURATION
    if not 0 <= request.target_dmmhg <= core.ceiling_dmmhg:
        return cuff.TARGET_ABOVE_CEILING
    return _judge_start(core, request.planned_ms) if starts else cuff.OK


def _judge_start(core: Core, planned_ms: int) -> int:
    """An inflation that is planned to take no time would slip under the debt rule."""
    if planned_ms == 0:
        return cuff.BAD_DURATION
    return cuff.OK if core.debt.allows(planned_ms) else cuff.DEBT


def _vent(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    core.vent(now_ms)
    return cuff.encode_vent()


def _self_test(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    control, limit = core.pressures()
    if cuff.decode_self_test_request(packet) != identity.nonce:
        return cuff.encode_self_test_reply(cuff.WRONG_NONCE, control, limit)
    return cuff.encode_self_test_reply(core.self_test(), control, limit)


def _clear(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    if cuff.decode_clear_request(packet) != identity.nonce:
        return cuff.encode_clear_reply(cuff.WRONG_NONCE)
    core.interlock.clear()
    return cuff.encode_clear_reply(cuff.OK)


def _annunciate(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    priority = cuff.decode_annunciate_request(packet)
    if priority is None:
        return ecp.encode_nack(ecp.ERROR_VALUE)
    core.priority = priority
    return cuff.encode_annunciate_reply(cuff.OK)


_WITHOUT_CRC = (cuff.HELLO, cuff.VENT)

_ANSWERS = {
    cuff.HELLO: _hello,
    cuff.TIGHTEN: _tighten,
    cuff.LEASE: _lease,
    cuff.VENT: _vent,
    cuff.SELF_TEST: _self_test,
    cuff.CLEAR_FAULTS: _clear,
    cuff.ANNUNCIATE: _annunciate,
}
