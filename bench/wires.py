"""The two wires of the live bedside that a measurement cuts or lies on: each a process of its own.

``python -m bench.wires cable --device PORT``
``python -m bench.wires copper --listen SOCKET --plant SOCKET``

Theory of operation
-------------------
*Cable*: between core and the cuff controller.  It opens the controller's port, makes a pseudo-terminal of
its own, says the path of its far end on standard output and carries bytes both ways; what an end does not
take at once is lost, as on a serial line.  Killed, it is the cable being pulled: core's port hangs up, the
controller goes on and hears nothing.

*Copper*: between the controller's board and the plant.  It carries the records of
``firmware_bridge.mcu.board_unix`` and, when a word on standard input says so, changes them on the way:

=================== ================================================================================
``control_missing`` the control sensor gives no value
``limit_missing``   the limit sensor gives no value
``runaway``         the control law has run away: pump at full drive, inflate valve open and dump valve
                    closed for as long as the controller does not call itself vented
``honest``          nothing is changed (the beginning)
=================== ================================================================================

Each word is answered on standard output by one line: the instant (ms of CLOCK_MONOTONIC, the plant's own)
at which the first record was changed, or for ``honest`` the instant at which it was heard.

Both end when standard input closes, with code 0.
"""

import argparse
import os
import selectors
import socket
import struct
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_bridge import cuff
from firmware_bridge.mcu.board_unix import OUTPUTS, READINGS, RECORD_BYTES
from gateway.simulation.plant_process import (
    DUMP_CLOSED_BIT,
    INFLATE_OPEN_BIT,
    listening,
    monotonic_ms,
)
from gateway.simulation.stage import open_pty

HONEST, CONTROL_MISSING, LIMIT_MISSING, RUNAWAY = "honest", "control_missing", "limit_missing", "runaway"
WORDS = (HONEST, CONTROL_MISSING, LIMIT_MISSING, RUNAWAY)
PUMP_FULL_PERMILLE = 1000

_READ_AT_ONCE = 4096
_PUMP, _BITS, _STATE = 1, 2, 3
_WORD, _DOOR = object(), object()
_SENSOR = {CONTROL_MISSING: 1, LIMIT_MISSING: 2}


class Lie:
    """What is changed on the copper, and since when."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.word = HONEST
        self._say = say
        self._told = True

    def hear(self, word: str, now_ms: int) -> None:
        """Change this from now on. Raises ``ValueError`` for a word that is none of ``WORDS``."""
        if word not in WORDS:
            raise ValueError(f"{word!r} is not one of {', '.join(WORDS)}")
        self.word, self._told = word, word == HONEST
        if self._told:
            self._say(f"{now_ms} {word}")

    def to_plant(self, record: bytes, now_ms: int) -> bytes:
        """The outputs as the plant gets them."""
        fields = list(struct.unpack(OUTPUTS, record))
        if self.word != RUNAWAY or fields[_STATE] == cuff.VENTED:
            return record
        self._tell(now_ms)
        fields[_PUMP] = PUMP_FULL_PERMILLE
        fields[_BITS] |= DUMP_CLOSED_BIT | INFLATE_OPEN_BIT
        return struct.pack(OUTPUTS, *fields)

    def to_board(self, record: bytes, now_ms: int) -> bytes:
        """The readings as the board gets them."""
        if self.word not in _SENSOR:
            return record
        self._tell(now_ms)
        fields = list(struct.unpack(READINGS, record))
        fields[_SENSOR[self.word]] = cuff.MISSING
        return struct.pack(READINGS, *fields)

    def _tell(self, now_ms: int) -> None:
        if not self._told:
            self._told = True
            self._say(f"{now_ms} {self.word}")


class Records:
    """Whole records out of a stream."""

    def __init__(self) -> None:
        self._pending = b""

    def take(self, data: bytes) -> list[bytes]:
        """The records that are whole now."""
        data = self._pending + data
        whole = len(data) - len(data) % RECORD_BYTES
        self._pending = data[whole:]
        return [data[start : start + RECORD_BYTES] for start in range(0, whole, RECORD_BYTES)]


class Copper:
    """One board's connection to the plant, changed on the way."""

    def __init__(self, board: socket.socket, plant: socket.socket, lie: Lie) -> None:
        self.board, self.plant, self._lie = board, plant, lie
        self._outputs, self._readings = Records(), Records()

    def carry(self, source: socket.socket, now_ms: int) -> bool:
        """Carry what has arrived at one end. False when an end has closed."""
        try:
            data = source.recv(_READ_AT_ONCE)
            if source is self.board:
                changed = [self._lie.to_plant(record, now_ms) for record in self._outputs.take(data)]
                self.plant.sendall(b"".join(changed))
            else:
                changed = [self._lie.to_board(record, now_ms) for record in self._readings.take(data)]
                self.board.sendall(b"".join(changed))
        except OSError:
            return False
        return bool(data)

    def close(self) -> None:
        """Let go of both ends."""
        self.board.close()
        self.plant.close()


def carry_bytes(source: int, sink: int) -> bool:
    """Carry what has arrived at ``source``; what ``sink`` does not take is lost. False on a hang-up."""
    try:
        data = os.read(source, _READ_AT_ONCE)
    except BlockingIOError:
        return True
    except OSError:
        return False
    try:
        os.write(sink, data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(data)


def cable(device: Path) -> int:
    """Carry bytes between the controller's port and a pseudo-terminal until standard input closes."""
    pty = open_pty()
    far = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(far, termios.TCSANOW)
    _say(pty.path)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(pty.master, selectors.EVENT_READ, (pty.master, far))
        selector.register(far, selectors.EVENT_READ, (far, pty.master))
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    return 0
                if not carry_bytes(*key.data):
                    return 0


def copper(listen: Path, plant: Path) -> int:
    """Carry records between board and plant until standard input closes."""
    lie = Lie(_say)
    with listening(listen) as listener, selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ, _WORD)
        selector.register(listener, selectors.EVENT_READ, _DOOR)
        _say("ready")
        while True:
            for key, _ in selector.select():
                if key.data is _WORD:
                    word = sys.stdin.readline().strip()
                    if not word:
                        return 0
                    lie.hear(word, monotonic_ms())
                elif key.data is _DOOR:
                    _join(selector, listener, plant, lie)
                else:
                    _carry(selector, key)


def _join(selector: selectors.BaseSelector, listener: socket.socket, plant: Path, lie: Lie) -> None:
    board, _ = listener.accept()
    board.setblocking(True)
    behind = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    behind.connect(os.fspath(plant))
    wire = Copper(board, behind, lie)
    selector.register(board, selectors.EVENT_READ, wire)
    selector.register(behind, selectors.EVENT_READ, wire)


def _carry(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    wire: Copper = key.data
    if not isinstance(key.fileobj, socket.socket) or key.fileobj.fileno() < 0:
        return  # its wire was closed within this turn
    if not wire.carry(key.fileobj, monotonic_ms()):
        selector.unregister(wire.board)
        selector.unregister(wire.plant)
        wire.close()


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be one of the two wires."""
    parser = argparse.ArgumentParser(prog="python -m bench.wires", description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_cable = kinds.add_parser("cable")
    of_cable.add_argument("--device", type=Path, required=True, help="the controller's port")
    of_copper = kinds.add_parser("copper")
    of_copper.add_argument("--listen", type=Path, required=True, help="Unix socket for the board")
    of_copper.add_argument("--plant", type=Path, required=True, help="Unix socket of the plant")
    options = parser.parse_args(arguments)
    if options.kind == "cable":
        return cable(options.device)
    return copper(options.listen, options.plant)


if __name__ == "__main__":
    sys.exit(main())
