"""Is the stream of the controller's statuses sound: often enough, whole, undamaged, and of the present?

Theory of operation
-------------------
Every accepted status carries what its receiver has counted since the port was opened (``StatusStream``), and
the instant at which the device says that it sent it.  Four checks rest on these; none counts our own steps.

* *minimum rate*: each 200 ms want a status.  Time adds to what is owed, each status takes 200 ms of it, never
  below zero; more than 1 s owed is too rare.  Twenty a second never owe anything.
* *counter*: each status that the device numbered and that never came weighs 100 ms, time takes it off; more
  than 1 s is too much: more than ten a second on and on, or 11 at once.
* *checksum errors*: each damaged frame weighs 500 ms; more than 5 s is too much: more than two a second on
  and on, or 11 at once.  One in 65 536 damaged frames passes a checksum of 16 bits, so their number is
  bounded.
* *device clock against arrival*: arrival minus the device's stamp is the way's delay plus a constant.  The
  constant is taken as the least of the last seconds before use.  A status that comes more than 0.5 s later
  than that, for 0.2 s on end, shows the past (a wire that holds frames back, a device clock that stands
  still or goes slow); one that comes more than 0.5 s earlier was stamped in the future.  A stall of our own
  that is read up in one go is neither: its last status is of the present.

All of it is judged while something is energised, and begins anew with each use, with another device and with
a port that was opened again.  A reading without counts (``stream`` of ``None``) is not judged here; the gate
gives counts with each.

Units: ms.  The device's stamps are modulo 2**32; differences are taken modulo 2**32 and read as signed.
"""

from dataclasses import dataclass, replace

from gateway.model import CuffReading, StatusStream
from gateway.safety.limits import Limits

REFERENCE_MS = 1_000
_MODULUS = 1 << 32


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the stream owes and has cost so far, and the delay that counts as none.

    ``offset`` is arrival minus device stamp of the newest status, ``least`` the least of this second,
    ``earlier`` that of the second before; all modulo 2**32.  ``late_ms``: since when it has been late.
    """

    nonce: int
    counts: StatusStream
    offset: int
    least: int
    earlier: int
    second_ms: int
    owed_ms: int = 0
    missed_ms: int = 0
    damaged_ms: int = 0
    late_ms: int | None = None


def follow(
    limits: Limits,
    before: StreamState | None,
    cuff: CuffReading,
    elapsed_ms: int,
    now: int,
    used: bool,
) -> StreamState | None:
    """The stream at ``now``, given the newest fresh reading; ``used``: something is energised."""
    counts = cuff.stream
    if counts is None:
        return None
    if before is None or before.nonce != cuff.nonce or _is_another_count(before.counts, counts):
        return _begun(cuff, counts, now)
    offset = _offset(cuff)
    if not used:
        return _referred(before, counts, offset, now)
    return _judged(limits, replace(before, offset=offset), counts, elapsed_ms, now)


def _begun(cuff: CuffReading, counts: StatusStream, now: int) -> StreamState:
    offset = _offset(cuff)
    return StreamState(cuff.nonce, counts, offset, offset, offset, now)


def _is_another_count(known: StatusStream, counts: StatusStream) -> bool:
    """Counts never fall: one that does belongs to a port that was opened again."""
    fell = counts.received < known.received or counts.missed < known.missed
    return fell or counts.damaged < known.damaged


def _referred(before: StreamState, counts: StatusStream, offset: int, now: int) -> StreamState:
    """Not in use: the least delay of this second and of the one before is the constant."""
    least, earlier, second_ms = _earliest(before.least, offset), before.earlier, before.second_ms
    if not 0 <= now - second_ms < REFERENCE_MS:
        least, earlier, second_ms = offset, before.least, now
    return StreamState(before.nonce, counts, offset, least, earlier, second_ms)


def _judged(
    limits: Limits, before: StreamState, counts: StatusStream, elapsed_ms: int, now: int
) -> StreamState:
    known = before.counts
    received = counts.received - known.received
    missed, damaged = counts.missed - known.missed, counts.damaged - known.damaged
    late = delay_ms(before) > limits.status_late_ms
    since_ms = now if before.late_ms is None else before.late_ms
    return replace(
        before,
        counts=counts,
        owed_ms=max(0, before.owed_ms + elapsed_ms - received * limits.status_every_ms),
        missed_ms=max(0, before.missed_ms - elapsed_ms) + missed * limits.missed_weighs_ms,
        damaged_ms=max(0, before.damaged_ms - elapsed_ms) + damaged * limits.damaged_weighs_ms,
        late_ms=since_ms if late else None,
    )


def delay_ms(stream: StreamState) -> int:
    """How much later the newest status came than the least that is known; negative: earlier."""
    return _signed(stream.offset - _earliest(stream.least, stream.earlier))


def is_too_rare(limits: Limits, stream: StreamState | None) -> bool:
    """Whether fewer statuses came than a controller at work must send."""
    return stream is not None and stream.owed_ms > limits.status_owed_ms


def is_missing(limits: Limits, stream: StreamState | None) -> bool:
    """Whether the device numbered many statuses that never came."""
    return stream is not None and stream.missed_ms > limits.missed_ms


def is_damaged(limits: Limits, stream: StreamState | None) -> bool:
    """Whether many frames came whose checksum did not hold."""
    return stream is not None and stream.damaged_ms > limits.damaged_ms


def is_out_of_time(limits: Limits, stream: StreamState | None, now: int) -> bool:
    """Whether the statuses show the past, or are stamped in the future."""
    if stream is None:
        return False
    late = stream.late_ms is not None and now - stream.late_ms >= limits.status_late_for_ms
    return late or -delay_ms(stream) > limits.status_ahead_ms


def _offset(cuff: CuffReading) -> int:
    return (cuff.arrived_ms - cuff.device_ms) % _MODULUS


def _earliest(one: int, other: int) -> int:
    return min(one, other, key=lambda offset: _signed(offset - one))


def _signed(difference: int) -> int:
    later_ms = difference % _MODULUS
    return later_ms if later_ms < _MODULUS // 2 else later_ms - _MODULUS
