"""The simulated oximeter as a process behind a pseudo-terminal.

``python -m gateway.simulation.oximeter_process --plant SOCKET [--replay FILE]``

Theory of operation
-------------------
Standard input and output are the wire (one pseudo-terminal), standard error is for messages.  Ten times a
second it asks the plant for the saturation under the probe and for the cuff's status lamp; once a second it
sends a line.  With ``--replay`` the lamp steers a recording and its value is sent instead.  An answer older
than 1 s is no value.  The other limb and the haemoglobin are not asked for: what stands on the line is the
saturation of channel 1.

The wire: when nobody has the far end open, lines are lost, as on a serial port, and the device goes
on.  End of input (the terminal itself is gone), a hang-up, SIGTERM or the end of the plant ends the
process with code 0.
"""

import argparse
import contextlib
import os
import selectors
import signal
import socket
import sys
import termios
import tty
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.simulation.oximeter import Oximeter, Shown
from gateway.simulation.plant_process import PROBE, PROBE_REPLY, PROBE_REQUEST, RECORD_BYTES, monotonic_ms
from gateway.simulation.recording import Playback, RecordingError, load

POLL_MS = 100
ANSWER_VALID_MS = 1000

_EXIT_UNAVAILABLE = 69
_EXIT_CONFIG = 78


class Feed(Protocol):
    """Where the values come from: told of each answer of the plant, asked once a second."""

    def answered(self, permille: int, indicator: int, now_ms: int) -> None: ...

    def permille(self, now_ms: int) -> int | None: ...


class PhysicsFeed:
    """The plant's own saturation, while the plant answers."""

    def __init__(self) -> None:
        self._permille: int | None = None
        self._answered_ms = 0

    def answered(self, permille: int, indicator: int, now_ms: int) -> None:
        """Keep the value."""
        self._permille = permille
        self._answered_ms = now_ms

    def permille(self, now_ms: int) -> int | None:
        """The latest value, ``None`` when it is too old."""
        return self._permille if now_ms - self._answered_ms <= ANSWER_VALID_MS else None


class ReplayFeed:
    """A recording that follows the status lamp."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback

    def answered(self, permille: int, indicator: int, now_ms: int) -> None:
        """Steer the recording."""
        self._playback.indicate(indicator, now_ms)

    def permille(self, now_ms: int) -> int | None:
        """The recording's value."""
        return self._playback.permille(now_ms)


class Wire:
    """The device's serial line: standard input and output, never waited for."""

    def __init__(self, receive: int, send: int) -> None:
        self._receive = receive
        self._send = send
        self._unsent = b""
        self._heard = True
        for descriptor in (receive, send):
            if os.isatty(descriptor):
                tty.setraw(descriptor, termios.TCSANOW)
            os.set_blocking(descriptor, False)

    def is_gone(self) -> bool:
        """Whether the line itself is gone. What arrives means nothing to the device."""
        try:
            self._heard = True
            return os.read(self._receive, 4096) == b""
        except BlockingIOError:
            return False
        except OSError:
            self._heard = False  # EIO: nobody has the far end of the pseudo-terminal open
            return False

    def send(self, line: bytes) -> None:
        """Send what fits. Lost are: lines nobody hears, a line that begins while another is stuck.

        Unheard lines must not wait in the terminal's buffer: they would arrive later as if new.
        """
        self._unsent = (self._unsent or line) if self._heard else b""
        if not self._unsent:
            return
        try:
            self._unsent = self._unsent[os.write(self._send, self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""


class Probe:
    """The connection to the plant: one request in flight at most."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""
        self._asked = False

    def ask(self) -> bool:
        """Ask, unless the last request is unanswered. False when the plant is gone."""
        if self._asked:
            return True
        try:
            self._connection.sendall(PROBE_REQUEST.pack(PROBE))
        except OSError:
            return False
        self._asked = True
        return True

    def receive(self, feed: Feed, now_ms: int) -> bool:
        """Hand an answer to ``feed``. False when the plant is gone."""
        try:
            arrived = self._connection.recv(RECORD_BYTES - len(self._pending))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._pending += arrived
        if len(self._pending) == RECORD_BYTES:
            _, permille, indicator, _, _ = PROBE_REPLY.unpack(self._pending)
            feed.answered(permille, indicator, now_ms)
            self._pending = b""
            self._asked = False
        return bool(arrived)


def run(wire: Wire, connection: socket.socket, feed: Feed) -> str:
    """Be the oximeter until something ends it; returns what."""
    probe = Probe(connection)
    oximeter = Oximeter(lambda now_ms: Shown(feed.permille(now_ms)))
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        ask_ms = monotonic_ms()
        while True:
            now_ms = monotonic_ms()
            if now_ms >= ask_ms:
                ask_ms = now_ms + POLL_MS
                if wire.is_gone():
                    return "the line is gone"
                if not probe.ask():
                    return "the plant is gone"
                wire.send(oximeter.step(now_ms))
            if selector.select(max(0, ask_ms - now_ms) / 1000.0) and not probe.receive(feed, monotonic_ms()):
                return "the plant is gone"


def _feed(replay: Path | None) -> Feed:
    return PhysicsFeed() if replay is None else ReplayFeed(Playback(load(replay), monotonic_ms()))


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="oximeter_process", description="The simulated oximeter.")
    parser.add_argument("--plant", type=Path, required=True, help="the plant's Unix socket")
    parser.add_argument("--replay", type=Path, help="send this recording (CSV) instead of the physics")
    return parser.parse_args(arguments)


def _terminate(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the oximeter until the line, the plant or a signal ends it."""
    options = _options(arguments)
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, _terminate)
    try:
        feed = _feed(options.replay)
    except RecordingError as problem:
        _say(str(problem))
        return _EXIT_CONFIG
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        try:
            connection.connect(os.fspath(options.plant))
        except OSError as problem:
            _say(f"no plant answers on {options.plant} ({problem}); start the plant first")
            return _EXIT_UNAVAILABLE
        connection.setblocking(False)
        _say(run(Wire(sys.stdin.fileno(), sys.stdout.fileno()), connection, feed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
