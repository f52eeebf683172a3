"""The simulated Moxy and its feeder as a process that speaks into core's socket.

``python -m gateway.simulation.moxy_process --plant SOCKET --socket SOCKET [--address AA:BB:CC:DD:EE:FF]``

Theory of operation
-------------------
In place of ``drivers.moxy_feeder`` and the radio behind it.  Ten times a second it asks the plant for the
saturation under the probe and lets the feed (``gateway.simulation.moxy``) go on; what the feed says leaves
by the same ``Outlet`` as a real feeder's: it looks for core, and drops what nobody reads.  An answer of the
plant older than 1 s is no value.  The end of the plant, SIGTERM or SIGINT ends the process with code 0.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from drivers.feeder_outlet import Outlet
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.oximeter import Shown
from gateway.simulation.oximeter_process import POLL_MS, PhysicsFeed, Probe
from gateway.simulation.plant_process import monotonic_ms

ADDRESS = "02:00:00:00:00:01"
"""A locally administered address: no real device has it."""

_EXIT_UNAVAILABLE = 69


class SpeakingMoxy:
    """A feed and the way to core; a connection begins with the feed's greeting."""

    def __init__(self, address: str, path: Path) -> None:
        self.physics = PhysicsFeed()
        self._feed = MoxyFeed(MoxyMonitor(self._shown), address)
        self.outlet = Outlet(os.fspath(path), lambda: [self._feed.greeting(monotonic_ms())])

    def step(self, now_ms: int) -> None:
        """Say what is due now."""
        said = self._feed.step(now_ms)
        if said:
            self.outlet.say(said)

    def _shown(self, now_ms: int) -> Shown:
        return Shown(self.physics.permille(now_ms))


async def run(moxy: SpeakingMoxy, connection: socket.socket) -> str:
    """Speak until the plant is gone; returns why it ended."""
    probe = Probe(connection)
    speaking = asyncio.ensure_future(moxy.outlet.run())
    while probe.receive(moxy.physics, monotonic_ms()) and probe.ask():
        moxy.step(monotonic_ms())
        await asyncio.sleep(POLL_MS / 1000)
    speaking.cancel()
    return "the plant is gone"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="moxy_process", description="The simulated Moxy and its feeder.")
    parser.add_argument("--plant", type=Path, required=True, help="the plant's Unix socket")
    parser.add_argument("--socket", type=Path, required=True, help="the socket on which core listens")
    parser.add_argument("--address", default=ADDRESS, help="the Bluetooth address that it says (%(default)s)")
    return parser.parse_args(arguments)


def _terminate(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the plant or a signal ends it."""
    options = _options(arguments)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _terminate)
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        try:
            connection.connect(os.fspath(options.plant))
        except OSError as problem:
            said = f"no plant answers on {options.plant} ({problem}); start the plant first"
            print(said, file=sys.stderr, flush=True)
            return _EXIT_UNAVAILABLE
        connection.setblocking(False)
        why = asyncio.run(run(SpeakingMoxy(options.address, options.socket), connection))
        print(why, file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
