"""Pulls the cable of each device and plugs it in again, in real time: how long until that is told.

``python -m bench.cables [--only DRIVER ...] [--times N] [--json]``

Theory of operation
-------------------
A core with its real links (``plugs.Room``) turns every 50 ms, as the service does; the simulated device
stands behind a pseudo-terminal.  For each driver: plugged in until it is ready, 1 s of use, pulled
(``told_ms``: until core calls it absent), plugged in again after 1 s (``open_ms``: until its port is open
again; ``ready_ms``: until it is ready, and a stimulator known to the gate).  ``frames``: what came in the 6 s
after that.  ``current``: whether a stimulator gave any pulse at any time, looked at every 2 ms.

A pseudo-terminal is not a USB plug: the kernel's and udev's own time is not in these figures.  A link looks
for its port every 2 s from the loss on, so after 1 s without a cable ``open_ms`` is 1 s.

Ends with 0 when every device came back and no stimulator gave current, 1 otherwise.

Units: ms of the monotonic clock; the looks are 2 ms apart.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.plugs import CLASS_OF, Room
from gateway.runtime.clock import SystemClock
from gateway.runtime.core import STEP_MS

LOOK_S = 0.002
USE_S = 1.0
PULLED_S = 1.0
AFTER_S = 6.0
LONGEST_S = 60.0


class Row(NamedTuple):
    """One cable, pulled and returned once."""

    driver: str
    device: str
    first_ready_ms: int
    told_ms: int
    why: str
    open_ms: int
    ready_ms: int
    frames: int
    current: bool


class Bench:
    """A room in real time, and whether current has flowed in it."""

    def __init__(self, room: Room, name: str) -> None:
        self.room, self.name = room, name
        self.current = False

    async def turn_for_ever(self) -> None:
        """Core's turns every 50 ms; the devices live every 2 ms."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if loop.time() >= due:
                due = loop.time() + STEP_MS / 1000
                self.room.turn()
            self.room.live()
            self.current = self.current or self.room.gives_current()
            await asyncio.sleep(LOOK_S)

    async def until(self, holds: Callable[[], bool]) -> int:
        """Wait until this holds; the ms that it took. Raises ``TimeoutError``."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(LONGEST_S):
            while not holds():  # noqa: ASYNC110 - a look is what is timed
                await asyncio.sleep(LOOK_S)
        return round((loop.time() - began) * 1000)

    def is_ready(self) -> bool:
        """Whether core would use it."""
        if self.room.condition(self.name).state != "ready":
            return False
        return self.name != "stimulator" or self.room.core.stimulator.answers(SystemClock().now_ms())

    def is_absent(self) -> bool:
        """Whether core knows that it is gone."""
        return self.room.condition(self.name).state == "absent"

    def frames(self) -> int:
        """Valid frames since the port was opened."""
        return self.room.condition(self.name).counters.frames


async def measured(bench: Bench, driver: str) -> Row:
    """One cable, pulled and returned."""
    plug = bench.room.plugs[bench.name]
    plug.plug()
    first_ms = await bench.until(bench.is_ready)
    await asyncio.sleep(USE_S)
    plug.pull()
    told_ms = await bench.until(bench.is_absent)
    why = bench.room.condition(bench.name).why
    await asyncio.sleep(PULLED_S)
    loop = asyncio.get_running_loop()
    plug.plug()
    back = loop.time()
    open_ms = await bench.until(lambda: bench.room.condition(bench.name).opened == 2)
    await bench.until(bench.is_ready)
    ready_ms = round((loop.time() - back) * 1000)
    before = bench.frames()
    await asyncio.sleep(AFTER_S)
    frames = bench.frames() - before
    return Row(driver, bench.name, first_ms, told_ms, why, open_ms, ready_ms, frames, bench.current)


async def pulled(driver: str, folder: Path) -> Row:
    """One driver in a room of its own."""
    room = Room(folder, (driver,), SystemClock())
    bench = Bench(room, CLASS_OF[driver])
    tasks = [asyncio.create_task(work) for work in (*room.equipment.work(), bench.turn_for_ever())]
    try:
        return await measured(bench, driver)
    finally:
        for plug in room.plugs.values():
            plug.pull()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        room.close()


def once(driver: str) -> Row:
    """One driver, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="rvos-cables-") as folder:
        return asyncio.run(pulled(driver, Path(folder)))


def _show(rows: list[Row]) -> None:
    print(f"{'driver':<10} {'table':<10}    told lost    port open        ready  frames  current")
    for row in rows:
        spans = f"{row.told_ms:>9} ms {row.open_ms:>9} ms {row.ready_ms:>9} ms {row.frames:>7}"
        print(f"{row.driver:<10} {row.device:<10} {spans}  {'YES' if row.current else 'none'}")


def main() -> int:
    """Run, tell, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.cables", description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(CLASS_OF), default=list(CLASS_OF), metavar="DRIVER")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [once(driver) for driver in asked.only for _ in range(asked.times)]
    if asked.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        _show(rows)
    return 1 if any(row.current or not row.frames for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
