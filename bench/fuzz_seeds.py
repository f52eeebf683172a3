"""What the fuzzer begins with: frames of each codec, and whole conversations of each host.

Theory of operation
-------------------
A codec's seeds are its frames, one by one and all in a row.  A host's are conversations with the simulated
device (``gateway.simulation``): a greeting, set-up and streaming, written as an input, so that the host says
again what it said then and the recorded answers fit.  Everything is made at run time; nothing is stored.

Units: ms.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.fuzz_frames import FIFTY_MS, FIVE_MS, LONG, in_pieces, wire_of
from bench.fuzz_targets import HOSTS
from drivers import invos
from firmware_bridge.mcu.controller import Controller
from gateway.simulation.invos import InvosMonitor
from gateway.simulation.memory_board import MemoryBoard
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.plant import Plant
from gateway.simulation.plugs import ADDRESS, MAKE, Device, OneWay, shown

LONGEST_BYTES = 2_048
_STEPS = 100
"""Of a conversation: an input that takes long is tried seldom."""
_MS_OF = {FIVE_MS: 5, FIFTY_MS: 50, LONG: 700}


class CuffController:
    """The real firmware on a simulated board."""

    def __init__(self) -> None:
        self._plant = Plant(CUFFS["fast_cuff"], LIMBS["fast_limb"], seed=1)
        self._board = MemoryBoard(self._plant)
        self._controller = Controller(self._board, self._plant.now_ms, 7, b"virtual", b"bench")
        self._ahead_ms = self._plant.now_ms - 1_000

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What it says now."""
        self._controller.receive(data, now_ms + self._ahead_ms)
        self._board.step(now_ms + self._ahead_ms)
        self._controller.step(now_ms + self._ahead_ms)
        return bytes(self._controller.outgoing())


class MoxyBehindItsFeeder:
    """The monitor, whose feeder greets first."""

    def __init__(self) -> None:
        self._feed, self._greets = MoxyFeed(MoxyMonitor(shown), ADDRESS), True

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What it says now."""
        greeting = self._feed.greeting(now_ms) if self._greets else b""
        self._greets = False
        return greeting + self._feed.step(now_ms)


DEVICES: dict[str, Callable[[], Device]] = {
    "cuff-host": CuffController,
    "rehastim2-host": MAKE["rehastim2"],
    "p24-host": MAKE["p24"],
    "hub-host": MAKE["hub"],
    "cpar-host": MAKE["cpar"],
    "nibp-host": MAKE["suntech"],
    "nonin-host": MAKE["nonin"],
    "invos-host": lambda: OneWay(InvosMonitor(shown, invos.CASE_HISTORY).step),
    "moxy-host": MoxyBehindItsFeeder,
    "cyton-host": MAKE["cyton"],
    "bitalino-host": MAKE["bitalino"],
    "nonin-oem-host": MAKE["nonin-oem"],
}


def conversation(host: Any, device: Device, time: int) -> bytes:
    """What a device says to this host, step by step, as an input for ``check_host``."""
    said, now_ms = b"", 1_000
    for _ in range(_STEPS):
        now_ms += _MS_OF[time]
        answer = device.step(host.outgoing(now_ms), now_ms)
        host.receive(answer, now_ms)
        said += in_pieces(answer, time)
    return said[:LONGEST_BYTES]


def seeds(target: str) -> Iterator[bytes]:
    """What this target begins with."""
    frames = wire_of(target).frames
    if target not in HOSTS:
        yield from frames
        yield b"".join(frames)[:LONGEST_BYTES]
        return
    for time in _MS_OF:
        yield conversation(HOSTS[target](), DEVICES[target](), time)
        yield b"".join(in_pieces(frame, time) for frame in frames)[:LONGEST_BYTES]


def plant(target: str, folder: Path) -> int:
    """Write them into an empty folder; how many there are."""
    found = sorted(set(seeds(target)))
    for number, seed in enumerate(found):
        (folder / f"{number:04}").write_bytes(seed)
    return len(found)
