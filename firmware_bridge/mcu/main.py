"""The firmware's entry: one loop at 100 Hz between wire, controller and board.

Theory of operation
-------------------
A cycle reads what the host sent, steps the controller, hands over what is to be sent and, last of all,
feeds the watchdog: whatever hangs before that point ends in a reset with every output de-energised.
Nothing in the cycle waits for the host or for the board.  The time that is left is slept; every tenth
cycle uses it to tidy the heap first.  A cycle that comes late is not made up for.

Simulated board, under either interpreter (standard input and output are the wire, messages go to standard
error; ends with code 1 when the plant goes away):

    python -m firmware_bridge.mcu.main --plant SOCKET
    micropython firmware_bridge/mcu/main.py --plant SOCKET

On an RP2040 the folder ``firmware_bridge`` is copied to the flash beside a ``main.py`` of two lines:

    from firmware_bridge.mcu.main import run_rp2040
    run_rp2040()

Portable subset: runs on CPython and on MicroPython.
"""

import os
import sys

if __name__ == "__main__":
    # Started by its path, so the folder that holds the package has to be found from this one.
    sys.path.insert(0, (__file__.rpartition("/")[0] or ".") + "/../..")

from firmware_bridge import aio
from firmware_bridge.errors import BoardError
from firmware_bridge.mcu import calibration
from firmware_bridge.mcu.board import Board
from firmware_bridge.mcu.controller import STEP_MS, Controller

SERIAL = b"SIM-0001"
TIDY_EVERY = 10
# A collection takes some ms on an RP2040; with less left it waits for the next cycle.
TIDY_NEEDS_MS = 6


def cycle(controller: Controller, board: Board, wire: aio.ByteStream, now_ms: int) -> None:
    """Sense, decide, act, report, and only then feed the watchdog."""
    controller.receive(wire.read(), now_ms)
    controller.step(now_ms)
    wire.write(controller.outgoing())
    board.feed_watchdog()


async def loop(controller: Controller, board: Board, wire: aio.ByteStream, clock: aio.Clock) -> None:
    """Run cycles every 10 ms for ever."""
    due_ms = clock.now_ms()
    untidy = 0
    while True:
        now_ms = clock.now_ms()
        cycle(controller, board, wire, now_ms)
        due_ms = max(due_ms + STEP_MS, now_ms)
        untidy += 1
        if untidy >= TIDY_EVERY and due_ms - clock.now_ms() >= TIDY_NEEDS_MS:
            aio.collect_garbage()
            untidy = 0
        await aio.sleep_ms(max(0, due_ms - clock.now_ms()))


def run_unix(plant: str) -> int:
    """Run on the simulated board until its plant goes away; returns the exit code."""
    from firmware_bridge.mcu.board_unix import UnixBoard

    clock = aio.Clock()
    try:
        board = UnixBoard(plant, clock)
        controller = Controller(board, clock.now_ms(), _nonce(), SERIAL, aio.platform_name())
        aio.run(loop(controller, board, aio.open_standard_wire(), clock))
    except BoardError as error:
        print("cuff firmware:", error, file=sys.stderr)
    return 1


def run_rp2040() -> None:
    """Run on the real board for ever."""
    from firmware_bridge.mcu.board_rp2040 import Rp2040Board

    aio.make_console_transparent()
    clock = aio.Clock()
    board = Rp2040Board(clock)
    name = calibration.board_name("rp2040", calibration.CONTROL_ZERO_COUNT, calibration.LIMIT_ZERO_COUNT)
    controller = Controller(board, clock.now_ms(), _nonce(), aio.chip_serial(), name)
    aio.run(loop(controller, board, aio.open_standard_wire(), clock))


def main(arguments: list[str]) -> int:
    """Command line of the simulated board."""
    if len(arguments) != 2 or arguments[0] != "--plant":
        print("usage: main.py --plant SOCKET", file=sys.stderr)
        return 2
    return run_unix(arguments[1])


def _nonce() -> int:
    return int.from_bytes(os.urandom(4), "little")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
