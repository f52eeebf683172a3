"""A simulated device at the far end of a pseudo-terminal, for as long as a peer's process plays with it."""

import os
import select
import subprocess
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.peers.environments import DEADLINE_S

Step = Callable[[bytes, int], bytes]
"""What a device does: the bytes that reached it and the time in ms; what it sends."""

TURN_S = 0.002


class Terminal:
    """The device's end; ``path`` is the port that the peer opens."""

    def __init__(self, master: int, path: str) -> None:
        self.path = path
        self._master = master

    def serve(self, process: "subprocess.Popen[str]", step: Step) -> None:
        """Be the device until the process ends."""
        begun = time.monotonic()
        while process.poll() is None:
            now = time.monotonic() - begun
            assert now < DEADLINE_S, "the peer did not end"
            self._send(step(self._received(), int(now * 1000)))

    def _received(self) -> bytes:
        ready, _, _ = select.select([self._master], [], [], TURN_S)
        return os.read(self._master, 4096) if ready else b""

    def _send(self, data: bytes) -> None:
        """What a full terminal does not take is lost, as on a wire that nobody listens to."""
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return


@contextmanager
def terminal() -> Iterator[Terminal]:
    """A raw pseudo-terminal; both ends are kept open here, so that the peer may open and close its port."""
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    os.set_blocking(master, False)
    try:
        yield Terminal(master, os.ttyname(slave))
    finally:
        os.close(slave)
        os.close(master)
