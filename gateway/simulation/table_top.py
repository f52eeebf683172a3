"""One simulated device on somebody's table: behind a pseudo-terminal, in real time, until it is told to stop.

Theory of operation
-------------------
For people without the equipment: ``rvos device simulate`` (and whoever has another host to try) plugs the
device of ``plugs`` in under a name, and it lives until ``SIGINT`` or ``SIGTERM``.  ``configuration_lines`` is
the table that a configuration needs to find it; what a site has to decide (ceilings, a signature) is left to
the site.

Units: ms of the monotonic clock.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from gateway.runtime.clock import SystemClock
from gateway.simulation.plugs import (
    ADDRESS,
    COLUMNS,
    MAKE,
    NONIN_CHECKSUM_END,
    AnyPlug,
    FedPlug,
    Plug,
)

MOXY = "moxy"
NAMES = (*MAKE, MOXY)
LOOK_S = 0.005

_TABLES = {
    "nonin": ("oximeter", f'driver = "nonin"\nchannel = 1\nchecksum_end = {NONIN_CHECKSUM_END}'),
    "invos": ("oximeter", f'driver = "invos"\nchannel = 1\ncolumns = {list(COLUMNS)}'.replace("'", '"')),
    MOXY: ("oximeter", f'driver = "moxy"\nchannel = 1\naddress = "{ADDRESS}"'),
    "rehastim2": ("stimulator", 'driver = "rehastim2"'),
    "p24": ("stimulator", 'driver = "p24"\nresearch_use = ""  # the site signs, or no session uses it'),
    "hub": ("hub", ""),
    "cyton": ("emg", 'driver = "cyton"'),
    "bitalino": ("emg", 'driver = "bitalino"'),
    "nonin-oem": ("pulse", ""),
    "suntech": ("blood_pressure", 'limb = "left_upper_arm"  # where its own cuff is'),
    "cpar": ("algometer", 'research_use = ""  # the site signs, or the configuration is refused'),
}
_SITE_S_OWN = "# and the site's own ceilings: see `rvos config init`"


def configuration_lines(name: str, port: Path) -> Iterator[str]:
    """The table of the configuration for it."""
    table, words = _TABLES[name]
    yield f"[{table}]"
    yield f'port = "{port}"'
    yield from filter(None, words.split("\n"))
    yield f'description = "SIMULATED {name}"'
    if table == "stimulator":
        yield _SITE_S_OWN


def plug_of(name: str, port: Path, clock: SystemClock) -> AnyPlug:
    """The device, not plugged in yet."""
    if name == MOXY:
        return FedPlug(port, clock.now_ms)
    return Plug(port, MAKE[name])


async def live(plug: AnyPlug, clock: SystemClock) -> None:
    """Plug it in and let it live until somebody says stop; then pull it. Raises FileExistsError."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    plug.plug()
    try:
        while not stopped.is_set():
            plug.turn(clock.now_ms())
            await _wait(stopped)
    finally:
        plug.pull()


async def _wait(stopped: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopped.wait(), LOOK_S)
    except TimeoutError:
        return


def default_port(name: str) -> Path:
    """Where it is plugged in when nobody says: a folder of this user's."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"rvos-simulated-{name}"
