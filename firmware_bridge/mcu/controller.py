"""The cuff controller: the core, its wire and its status, stepped a hundred times a second.

Theory of operation
-------------------
``receive(bytes, now_ms)`` takes what the host sent and acts on it at once, ``step(now_ms)`` senses, decides
and acts, ``outgoing()`` hands over what is to be sent.  There is no clock and no IO in here but the board
object.

The time rules of the core run before anything received is looked at, so that a lease that waited in a
buffer cannot renew one that has already run out.  Every 50 ms a step ends with a status, and so does the step
in which a person stopped something, so that a host hears of the stop before its next lease is refused for
it.  When nobody collects what is to be sent, further frames are dropped whole.

Units: times ms of a clock that never wraps (``aio.Clock``).
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff, ecp
from . import requests
from .board import Board
from .core import Core

STEP_MS = 10
STATUS_MS = 50

_LONGEST_REQUEST = 64
_MOST_OUTGOING = 1024


class Controller:
    """One cuff on one wire."""

    def __init__(
        self, board: Board, now_ms: int, nonce: int, serial: bytes = b"", board_name: bytes = b""
    ) -> None:
        self.core = Core(board, now_ms)
        self.identity = requests.Identity(nonce, serial, board_name)
        self.decoder = ecp.Decoder(_LONGEST_REQUEST)
        self._outgoing = bytearray()
        self._next_status_ms = now_ms
        self._counter = 0

    def receive(self, data: bytes, now_ms: int) -> None:
        """Take what the host sent; vents at once and queues the replies."""
        self.core.enforce_time(now_ms)
        for packet in self.decoder.feed(data):
            self._send(requests.answer(self.core, self.identity, packet, now_ms))

    def step(self, now_ms: int) -> None:
        """Sense, decide, act, report."""
        self.core.step(now_ms)
        due = now_ms >= self._next_status_ms
        if due:
            self._schedule_status(now_ms)
        if due or self.core.stopped:
            self._send(cuff.encode_status(self._status(now_ms)))

    def outgoing(self) -> bytes:
        """What is to be sent now; hands it over once."""
        if not self._outgoing:
            return b""
        data = bytes(self._outgoing)
        self._outgoing = bytearray()
        return data

    def _send(self, frame: bytes) -> None:
        if len(self._outgoing) + len(frame) <= _MOST_OUTGOING:
            self._outgoing.extend(frame)

    def _schedule_status(self, now_ms: int) -> None:
        """Keep the beat; after a pause start a new one instead of catching up."""
        self._next_status_ms += STATUS_MS
        if self._next_status_ms <= now_ms:
            self._next_status_ms = now_ms + STATUS_MS

    def _status(self, now_ms: int) -> cuff.Status:
        core = self.core
        self._counter = (self._counter + 1) & 0xFFFF
        control, limit = core.pressures()
        debts_ms = [min(debt_ms, 0xFFFFFFFF) for debt_ms in core.debt.debts_ms]
        return cuff.Status(
            self._counter,
            now_ms & 0xFFFFFFFF,
            self.identity.nonce,
            control,
            limit,
            core.lease.target_dmmhg,
            core.regulator.state,
            self._actuators(),
            core.regulator.pump_permille,
            debts_ms[0],
            debts_ms[1],
            debts_ms[2],
            debts_ms[3],
            cuff.NO_LIMB if core.debt.limb is None else core.debt.limb,
            core.lease.seq,
            core.lease.left_ms(now_ms),
            core.relay.seq,
            core.interlock.faults,
            core.interlock.first_fault,
            core.presence.presses,
            1 if core.presence.stands() else 0,
        )

    def _actuators(self) -> int:
        core = self.core
        return (
            (cuff.DUMP_CLOSED if core.regulator.dump_closed else 0)
            | (cuff.INFLATE_OPEN if core.regulator.inflate_open else 0)
            | (cuff.PUMP_ON if core.regulator.pump_permille else 0)
            | (cuff.BUZZER if core.buzzing else 0)
            | (cuff.BUTTON if core.board.button() else 0)
            | (cuff.RELAY_CLOSED if core.relay.is_active() else 0)
            | (cuff.PATIENT_STOP if core.presence.patient_stopped else 0)
            | (cuff.MOVING if core.is_moving() else 0)
        )
