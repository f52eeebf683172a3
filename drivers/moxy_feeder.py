"""The feeder process of a Moxy monitor: ``python -m drivers.moxy_feeder --address AA:BB:.. --socket PATH``.

Theory of operation
-------------------
Core has no D-Bus and no Bluetooth, so this process has them: it hears one monitor (``moxy_radio``) and says
what it heard to core (``feeder``, ``feeder_outlet``).  It opens nothing, decides nothing, and can be ended
at any time.

The monitor returns by itself: after a loss the next attempt follows 1 s later, then 2, 4 ... at most 60 s;
a link that lived for 30 s starts the count again.  Each loss is said to core and to standard error with its
reason.  The state is repeated every 5 s, which also finds a core that has restarted; it is no sign of life
of the monitor.

Under systemd it reports that it is ready and feeds the watchdog with each repetition.  Exit codes: 0 ended
by a signal, 2 wrong usage, 78 bleak is not installed.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Sequence

from drivers import feeder, moxy, moxy_radio
from drivers.feeder_outlet import Outlet
from drivers.moxy_radio import BleakMissing, Description, RadioLost

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STABLE_S = 30.0
REPEAT_S = 5.0

_ADDRESS = re.compile(r"\A[0-9A-F]{2}(:[0-9A-F]{2}){5}\Z")
_EXIT_CONFIG = 78


class Pauses:
    """How long to wait before the next attempt; pure."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def after(self, lived_s: float) -> float:
        """The pause after a link that lived so long; 0 if there was none."""
        if lived_s >= STABLE_S:
            self._next_s = FIRST_PAUSE_S
        pause_s, self._next_s = self._next_s, min(LONGEST_PAUSE_S, 2 * self._next_s)
        return pause_s


class MoxyFeeder:
    """One monitor, one socket."""

    def __init__(self, address: str, path: str, silent_s: float = moxy_radio.SILENT_S) -> None:
        self._address = address
        self._silent_s = silent_s
        self._sender = feeder.Sender(moxy.KIND, address)
        self._state, self._reason = feeder.SEARCHING, "looking for the monitor"
        self._subscribed_s: float | None = None
        self._outlet = Outlet(path, self._greeting)

    async def run(self) -> None:
        """Hear and say, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outlet.run())
            tasks.create_task(self._repeat())
            tasks.create_task(self._hear())

    async def _hear(self) -> None:
        pauses = Pauses()
        while True:
            self._subscribed_s = None
            try:
                await moxy_radio.listen(
                    self._address, self._on_subscribed, self._on_payload, silent_s=self._silent_s
                )
            except RadioLost as lost:
                self._tell(feeder.SEARCHING, str(lost))
            began_s = self._subscribed_s
            await asyncio.sleep(pauses.after(0 if began_s is None else self._now_s() - began_s))

    async def _repeat(self) -> None:
        _tell_systemd("READY=1")
        while True:
            self._outlet.say(self._sender.state(self._state, "", self._now_ms()))
            _tell_systemd("WATCHDOG=1")
            await asyncio.sleep(REPEAT_S)

    def _on_subscribed(self, description: Description) -> None:
        self._subscribed_s = self._now_s()
        self._sender.describe(*description)
        self._outlet.say(self._sender.hello(self._now_ms()))
        self._tell(feeder.SUBSCRIBED, "the monitor is connected")

    def _on_payload(self, payload: bytes) -> None:
        self._outlet.say(self._sender.data(payload, self._now_ms()))

    def _tell(self, state: int, reason: str) -> None:
        self._state, self._reason = state, reason
        print(f"{self._address}: {reason}", file=sys.stderr, flush=True)
        self._outlet.say(self._sender.state(state, reason, self._now_ms()))

    def _greeting(self) -> list[bytes]:
        now_ms = self._now_ms()
        return [self._sender.hello(now_ms), self._sender.state(self._state, self._reason, now_ms)]

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)


def _tell_systemd(text: str) -> None:
    """One datagram to the service manager, if there is one."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, contextlib.suppress(OSError):
        manager.sendto(text.encode(), address)


async def _until_signalled(moxy_feeder: MoxyFeeder) -> None:
    running = asyncio.ensure_future(moxy_feeder.run())
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return


def _bluetooth_address(text: str) -> str:
    address = text.upper().replace("-", ":")
    if not _ADDRESS.match(address):
        raise argparse.ArgumentTypeError(f"'{text}' is no Bluetooth address such as AA:BB:CC:DD:EE:FF")
    return address


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rvos-feeder-moxy", description="Hears a Moxy monitor for rvos core."
    )
    parser.add_argument("--address", type=_bluetooth_address, required=True, help="of the monitor")
    parser.add_argument("--socket", required=True, help="the Unix socket on which core listens")
    parser.add_argument(
        "--silent-after",
        type=float,
        default=moxy_radio.SILENT_S,
        metavar="SECONDS",
        help="a connected monitor that says nothing for so long is lost (%(default)s)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns the exit code."""
    options = _options(arguments)
    try:
        moxy_radio.load_bleak()
    except BleakMissing as problem:
        print(problem, file=sys.stderr, flush=True)
        return _EXIT_CONFIG
    asyncio.run(_until_signalled(MoxyFeeder(options.address, options.socket, options.silent_after)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
