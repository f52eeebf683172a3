"""The hub firmware's entry: one loop between wire, hub and board.

Theory of operation
-------------------
A cycle reads what the host sent, steps the hub, hands over what is to be sent and, last of all, feeds the
watchdog. Nothing in it waits for the host or for the board.  Between cycles it sleeps for a millisecond, or
not at all while packets are due.  The heap is tidied in the cycle after a packet, where there is most time
until the next one; sampling goes on meanwhile, because it is the board's own.

Simulated sensors, under either interpreter (standard input and output are the wire, messages go to standard
error; ends with code 1 when the sensors go away):

    python -m firmware_bridge.hub_mcu.main --sensors SOCKET
    micropython firmware_bridge/hub_mcu/main.py --sensors SOCKET

On an RP2040 the folder ``firmware_bridge`` is copied to the flash beside a ``main.py`` of two lines:

    from firmware_bridge.hub_mcu.main import run_rp2040
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
from firmware_bridge.hub_mcu.board import Board
from firmware_bridge.hub_mcu.device import Device

SERIAL = b"SIM-HUB-1"
CYCLE_MS = 1
TIDY_MS = 100


def cycle(device: Device, board: Board, wire: aio.ByteStream, now_ms: int, device_us: int) -> bool:
    """Answer, sample, send, and only then feed the watchdog; whether a packet went out."""
    device.receive(wire.read(), now_ms)
    device.step(now_ms, device_us)
    data = b"" if wire.backlog() else device.outgoing()
    wire.write(data)
    board.feed_watchdog()
    return bool(data)


async def loop(device: Device, board: Board, wire: aio.ByteStream, clock: aio.Clock) -> None:
    """Run cycles for ever."""
    tidied_ms = clock.now_ms()
    while True:
        now_ms = clock.now_ms()
        sent = cycle(device, board, wire, now_ms, aio.ticks_us() % aio.TICKS_PERIOD)
        if sent and now_ms - tidied_ms >= TIDY_MS:
            aio.collect_garbage()
            tidied_ms = now_ms
        await aio.sleep_ms(CYCLE_MS)


def run_unix(sensors: str) -> int:
    """Run on simulated sensors until they go away; returns the exit code."""
    from firmware_bridge.hub_mcu.board_unix import UnixBoard

    clock = aio.Clock()
    try:
        board = UnixBoard(sensors)
        device = Device(board, clock.now_ms(), _nonce(), SERIAL, aio.platform_name())
        aio.run(loop(device, board, aio.open_standard_wire(), clock))
    except BoardError as error:
        print("hub firmware:", error, file=sys.stderr)
    return 1


def run_rp2040() -> None:
    """Run on the real board for ever."""
    from firmware_bridge.hub_mcu.board_rp2040 import Rp2040Board

    aio.make_console_transparent()
    clock = aio.Clock()
    board = Rp2040Board(clock)
    device = Device(board, clock.now_ms(), _nonce(), aio.chip_serial(), b"rp2040")
    aio.run(loop(device, board, aio.open_standard_wire(), clock))


def main(arguments: list[str]) -> int:
    """Command line of the simulated sensors."""
    if len(arguments) != 2 or arguments[0] != "--sensors":
        print("usage: main.py --sensors SOCKET", file=sys.stderr)
        return 2
    return run_unix(arguments[1])


def _nonce() -> int:
    return int.from_bytes(os.urandom(4), "little")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
