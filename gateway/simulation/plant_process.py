"""The plant as a process: it owns the truth, the board and the probe reach it over a Unix socket.

``python -m gateway.simulation.plant_process --socket PATH --cuff NAME --limb NAME --seed N [--log FILE]``

Theory of operation
-------------------
Real time, one thread.  Physics are brought up to CLOCK_MONOTONIC at every record and at least each
10 ms.  Whoever connects sends 8-byte little-endian records, told apart by their first byte, and
gets one 8-byte record back for each:

* ``A`` from the cuff controller's board: pump per mille, output bits (1 dump closed, 2 inflate
  open, 4 buzzer, 8 relay closed), status lamp, counter; answered by ``S``: both sensors in 0.1 mmHg,
  button bits (1 bedside button, 2 patient's stop), counter.
* ``O`` from an oximeter's probe; answered by ``O``: saturation in per mille, the board's status
  lamp, true pressure in 0.1 mmHg, a counter.
* ``P`` from a person: button bits, and for how many ms they are held down; answered by the same.

The outputs drop (dump valve open, pump off) when the board's connection closes or when no ``A`` has
come for 1000 ms.  A connection that sends another first byte, or does not take its answers, is closed.

``--log`` writes the truth at 100 Hz, each line flushed: ``t_ms`` is CLOCK_MONOTONIC, so times of
kills can be compared with it.  Says "ready" on stderr when it listens; ends on SIGTERM or SIGINT with code 0.
"""

import argparse
import contextlib
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.plant import Actuators, OutputStage, Plant

RECORD_BYTES = 8
TICK_MS = 10

BOARD_REQUEST = struct.Struct("<BHBBHB")
BOARD_REPLY = struct.Struct("<BhhBH")
PROBE_REQUEST = struct.Struct("<B7x")
PROBE_REPLY = struct.Struct("<BhBHH")
PRESS = struct.Struct("<BBH4x")

BOARD = 0x41
BOARD_ANSWER = 0x53
PROBE = 0x4F
PERSON = 0x50

DUMP_CLOSED_BIT = 1
INFLATE_OPEN_BIT = 2
BUZZER_BIT = 4
RELAY_CLOSED_BIT = 8

BUTTON_BIT = 1
PATIENT_STOP_BIT = 2
PRESS_MS = 200

LOG_HEADER = "t_ms,pressure_mmhg,dump_open,pump,buzzer,sto2\n"

_EXIT_UNAVAILABLE = 69
_PUMP_FULL_PERMILLE = 1000
_BUTTON_UP = 0


def monotonic_ms() -> int:
    """The clock that all simulated devices of one machine share."""
    return time.monotonic_ns() // 1_000_000


class Bedside:
    """Physics behind the output stage, answering records; time is an argument."""

    def __init__(self, plant: Plant, log: TextIO | None) -> None:
        self._plant = plant
        self._stage = OutputStage(plant)
        self._log = log
        self._logged_ms = plant.now_ms
        self._probe_counter = 0
        self._pressed_until_ms = dict.fromkeys((BUTTON_BIT, PATIENT_STOP_BIT), plant.now_ms)
        if log is not None:
            log.write(LOG_HEADER)

    def advance(self, now_ms: int) -> None:
        """Bring the physics to ``now_ms``, with one log line for each tick passed."""
        while self._logged_ms + TICK_MS <= now_ms:
            self._logged_ms += TICK_MS
            self._stage.advance(self._logged_ms)
            self._write_log()
        self._stage.advance(now_ms)

    def answer(self, record: bytes, now_ms: int) -> bytes | None:
        """The answer to one record, ``None`` if it is none of ours."""
        if record[0] == BOARD:
            return self._answer_board(record, now_ms)
        if record[0] == PROBE:
            return self._answer_probe()
        if record[0] == PERSON:
            return self._press(record, now_ms)
        return None

    def board_gone(self) -> None:
        """The board's connection closed: nothing drives the outputs."""
        self._stage.drop()

    def _answer_board(self, record: bytes, now_ms: int) -> bytes:
        _, pump_permille, bits, indicator, counter, _ = BOARD_REQUEST.unpack(record)
        self._stage.command(
            Actuators(
                pump_permille=min(pump_permille, _PUMP_FULL_PERMILLE),
                inflate_open=bool(bits & INFLATE_OPEN_BIT),
                dump_closed=bool(bits & DUMP_CLOSED_BIT),
                buzzer=bool(bits & BUZZER_BIT),
                indicator=indicator,
                relay_closed=bool(bits & RELAY_CLOSED_BIT),
            )
        )
        self._stage.feed(now_ms)
        plant = self._plant
        pressed = sum(bit for bit, until_ms in self._pressed_until_ms.items() if now_ms < until_ms)
        return BOARD_REPLY.pack(BOARD_ANSWER, plant.control_dmmhg, plant.limit_dmmhg, pressed, counter)

    def _answer_probe(self) -> bytes:
        self._probe_counter = (self._probe_counter + 1) & 0xFFFF
        return PROBE_REPLY.pack(
            PROBE,
            self._plant.sto2_permille,
            self._stage.actuators.indicator,
            max(0, round(10.0 * self._plant.pressure_mmhg)),
            self._probe_counter,
        )

    def _press(self, record: bytes, now_ms: int) -> bytes:
        _, buttons, hold_ms = PRESS.unpack(record)
        for bit in self._pressed_until_ms:
            if buttons & bit:
                self._pressed_until_ms[bit] = now_ms + hold_ms
        return record

    def _write_log(self) -> None:
        if self._log is None:
            return
        driven = self._stage.actuators
        self._log.write(
            f"{self._logged_ms},{self._plant.pressure_mmhg:.2f},{not driven.dump_closed:d},"
            f"{driven.pump_permille},{driven.buzzer:d},{self._plant.sto2_percent:.2f}\n"
        )


class Client:
    """One connection: bytes in, whole records out to the bedside, answers back."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.is_board = False
        self._pending = b""

    def serve(self, bedside: Bedside, now_ms: int) -> bool:
        """Answer what has arrived. False when the connection is to be closed."""
        try:
            arrived = self.connection.recv(4096)
            return bool(arrived) and self._answer(arrived, bedside, now_ms)
        except BlockingIOError:
            return False  # it does not take its answers
        except OSError:
            return False

    def _answer(self, arrived: bytes, bedside: Bedside, now_ms: int) -> bool:
        data = self._pending + arrived
        whole = len(data) - len(data) % RECORD_BYTES
        for start in range(0, whole, RECORD_BYTES):
            record = data[start : start + RECORD_BYTES]
            reply = bedside.answer(record, now_ms)
            if reply is None:
                _say(f"a client sent a record of unknown type 0x{record[0]:02X}; its connection is closed")
                return False
            self.is_board = self.is_board or record[0] == BOARD
            self.connection.sendall(reply)
        self._pending = data[whole:]
        return True


class Server:
    """Connections to one bedside, in one selector loop."""

    def __init__(self, listener: socket.socket, bedside: Bedside) -> None:
        self._listener = listener
        self._bedside = bedside
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the process is told to end."""
        while True:
            now_ms = monotonic_ms()
            self._bedside.advance(now_ms)
            for key, _ in self._selector.select((TICK_MS - now_ms % TICK_MS) / 1000.0):
                self._ready(key.data)

    def close(self) -> None:
        """Close every connection."""
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._drop(key.data)
        self._selector.close()

    def _ready(self, client: Client | None) -> None:
        if client is None:
            self._accept()
            return
        now_ms = monotonic_ms()
        self._bedside.advance(now_ms)
        if not client.serve(self._bedside, now_ms):
            self._drop(client)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, Client(connection))

    def _drop(self, client: Client) -> None:
        self._selector.unregister(client.connection)
        client.connection.close()
        if client.is_board:
            self._bedside.board_gone()


def press(plant: Path, buttons: int = BUTTON_BIT, hold_ms: int = PRESS_MS) -> None:
    """Have a person press a button at the bedside of a running plant; it is let go by itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as person:
        person.connect(os.fspath(plant))
        person.sendall(PRESS.pack(PERSON, buttons, hold_ms))
        person.recv(RECORD_BYTES)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket at ``path``; a socket that nobody listens on any more is replaced."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _remove_stale(path)
        listener.bind(os.fspath(path))
        listener.listen()
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()


def _serve(options: argparse.Namespace, log: TextIO | None) -> None:
    now_ms = monotonic_ms()
    plant = Plant(CUFFS[options.cuff], LIMBS[options.limb], options.seed, now_ms - now_ms % TICK_MS)
    with (
        listening(options.socket) as listener,
        contextlib.closing(Server(listener, Bedside(plant, log))) as server,
    ):
        _say("ready")
        server.run()


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plant_process", description="The simulated limb and cuff.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on")
    parser.add_argument("--cuff", choices=sorted(CUFFS), required=True)
    parser.add_argument("--limb", choices=sorted(LIMBS), required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--log", type=Path, help="write the truth at 100 Hz to this CSV file")
    return parser.parse_args(arguments)


def _terminate(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plant until SIGTERM."""
    options = _options(arguments)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _terminate)
    try:
        with contextlib.ExitStack() as stack:
            log = None
            if options.log is not None:
                log = stack.enter_context(options.log.open("w", encoding="ascii", buffering=1))
            _serve(options, log)
    except OSError as problem:
        _say(f"the plant cannot listen on {options.socket} or write its log: {problem}")
        return _EXIT_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
