"""What the device answers to each request of the host.

Theory of operation
-------------------
A request whose code is unknown, whose length is wrong, whose CRC does not hold or whose value does not exist
is refused with a NACK and has no effect.  Everything else is a sign of the host's life, and is judged in an
order that keeps the answer useful: a stranger (wrong nonce) learns nothing more, a latched device says so
before it complains about numbers, and what only has to be waited for comes last.

A lease that names another limb than the running one vents: whoever asks for that has lost track of the cuff.
A renewal that names another planned time than the inflation began with is refused; it runs out then.
What starts from rest needs a person's press that stands (``presence``), on no limb a recent one too; the
clearing of faults needs one made since they latched.

Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from .. import cuff, ecp
from . import limits
from .core import Core

VERSION = (0, 2, 0)
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
    core.host.hear(now_ms)
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
    result = _judge(core, request, now_ms)
    core.lease.use(request.seq)
    if result == cuff.OK:
        core.energise(request, now_ms)
    elif result == cuff.WRONG_LIMB:
        core.vent(now_ms)
    return cuff.encode_lease_reply(result, request.seq)


def _judge(core: Core, request: cuff.LeaseRequest, now_ms: int) -> int:
    starts = not core.is_energised()
    if starts and not core.interlock.faults:
        core.refuse_missing_sensors()
    if core.interlock.faults:
        return cuff.FAULTED
    if not core.lease.is_new(request.seq):
        return cuff.OLD_SEQUENCE
    if not starts and core.debt.is_other(request.limb):
        return cuff.WRONG_LIMB
    if not 0 < request.duration_ms <= limits.LEASE_LONGEST_MS:
        return cuff.BAD_DURATION
    if not starts and not core.inflation.keeps(request.planned_ms):
        return cuff.BAD_DURATION
    if not 0 <= request.target_dmmhg <= _ceiling_dmmhg(core, request.limb):
        return cuff.TARGET_ABOVE_CEILING
    return _judge_start(core, request, now_ms) if starts else cuff.OK


def _ceiling_dmmhg(core: Core, limb: int) -> int:
    # What a host tightens to is the site's word about limbs; a cuff on none is tested up to the built-in one.
    return limits.PRESSURE_CEILING_DMMHG if limb == cuff.NO_LIMB else core.ceiling_dmmhg


def _judge_start(core: Core, request: cuff.LeaseRequest, now_ms: int) -> int:
    # An inflation that is planned to take no time would slip under the debt rule.
    if request.planned_ms == 0:
        return cuff.BAD_DURATION
    if not core.presence.stands() or not _may_test(core, request.limb, now_ms):
        return cuff.NO_PRESENCE
    if core.debt.is_other(request.limb) and core.is_pressed():
        return cuff.NOT_VENTED
    if core.debt.is_too_soon(request.limb, now_ms):
        return cuff.LIMB_TOO_SOON
    return cuff.OK if core.debt.allows(request.limb, request.planned_ms) else cuff.DEBT


def _may_test(core: Core, limb: int, now_ms: int) -> bool:
    # That the cuff lies on no limb is a person's word, and true for as long as that person is there: an old
    # press that still stands may be of a session on a limb.
    return limb != cuff.NO_LIMB or core.presence.is_recent(now_ms)


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
    if not core.presence.is_recent(now_ms):
        return cuff.encode_clear_reply(cuff.NO_PRESENCE)
    core.interlock.clear()
    return cuff.encode_clear_reply(cuff.OK)


def _annunciate(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    priority = cuff.decode_annunciate_request(packet)
    if priority is None:
        return ecp.encode_nack(ecp.ERROR_VALUE)
    core.priority = priority
    return cuff.encode_annunciate_reply(cuff.OK)


def _relay(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    request = cuff.decode_relay_request(packet)
    if request is None:
        return ecp.encode_nack(ecp.ERROR_VALUE)
    if request.nonce != identity.nonce:
        return cuff.encode_relay_reply(cuff.WRONG_NONCE, request.seq)
    result = _judge_relay(core, request)
    core.relay.use(request.seq)
    if result == cuff.OK:
        core.close_relay(request.duration_ms, now_ms)
    return cuff.encode_relay_reply(result, request.seq)


def _judge_relay(core: Core, request: cuff.RelayRequest) -> int:
    if core.interlock.faults:
        return cuff.FAULTED
    if not core.relay.is_new(request.seq):
        return cuff.OLD_SEQUENCE
    if not 0 < request.duration_ms <= limits.LEASE_LONGEST_MS:
        return cuff.BAD_DURATION
    return cuff.OK if core.relay.is_active() or core.presence.stands() else cuff.NO_PRESENCE


def _relay_open(core: Core, identity: Identity, packet: ecp.Packet, now_ms: int) -> bytes:
    core.open_relay(now_ms)
    return cuff.encode_relay_open()


_WITHOUT_CRC = (cuff.HELLO, cuff.VENT, cuff.RELAY_OPEN)

_ANSWERS = {
    cuff.HELLO: _hello,
    cuff.TIGHTEN: _tighten,
    cuff.LEASE: _lease,
    cuff.VENT: _vent,
    cuff.SELF_TEST: _self_test,
    cuff.CLEAR_FAULTS: _clear,
    cuff.ANNUNCIATE: _annunciate,
    cuff.RELAY: _relay,
    cuff.RELAY_OPEN: _relay_open,
}
