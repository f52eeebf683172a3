"""The uasyncio shim: the only file that knows where CPython's and MicroPython's asyncio differ.

Theory of operation
-------------------
Everything else in the firmware says ``aio.sleep_ms``, ``aio.ticks_diff`` or ``aio.open_standard_wire``
and runs unchanged on both.  Three things live here:

* *Tasks*: ``run``, ``create_task``, ``gather``, ``Event``, ``Lock``, ``CancelledError`` and
  ``TimeoutError`` under one name each, and ``sleep_ms`` and ``wait_for_ms`` in milliseconds.
* *Ticks*: a millisecond counter that wraps.  MicroPython's wraps after 2**30 ms on a microcontroller;
  on CPython this file makes one that wraps at the same place, so that the wrap is met on every
  desk.  ``Clock`` adds the differences up to a time that never wraps; ask it at least once in six days.
* *Wires*: ``ByteStream`` reads what is there and writes what fits, never waiting for either; the control loop
  polls it at its own pace, because a loop that must feed a watchdog must not sleep on a peer.

Units: milliseconds.  On an RP2040 a small integer has 31 bits: after twelve days of uptime a ``Clock``
reading becomes a big integer, which costs a little memory per reading and stays right.
"""

import asyncio
import binascii
import gc
import select
import struct
import sys
import time

MICROPYTHON = sys.implementation.name == "micropython"

run = asyncio.run
create_task = asyncio.create_task
gather = asyncio.gather
Event = asyncio.Event
Lock = asyncio.Lock
CancelledError = asyncio.CancelledError
TimeoutError = asyncio.TimeoutError

# Where the tick counter of this file wraps on CPython: where MicroPython's does on a 32-bit machine.
TICKS_PERIOD = 1 << 30

EAGAIN = 11
_READ_AT_ONCE = 512
_MOST_PENDING = 1024

if MICROPYTHON:
    sleep_ms = asyncio.sleep_ms  # type: ignore[attr-defined]
    wait_for_ms = asyncio.wait_for_ms  # type: ignore[attr-defined]
    ticks_ms = time.ticks_ms  # type: ignore[attr-defined]
    ticks_us = time.ticks_us  # type: ignore[attr-defined]
    ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
    ticks_add = time.ticks_add  # type: ignore[attr-defined]
else:
    # Annotations are never evaluated on MicroPython, so the names they need may live on this side only.
    import os
    from collections.abc import Awaitable, Callable
    from typing import Any

    async def sleep_ms(duration_ms: int) -> None:
        """Let other tasks run for this long."""
        await asyncio.sleep(duration_ms / 1000)

    async def wait_for_ms(awaitable: Awaitable[object], duration_ms: int) -> object:
        """Await for at most this long; raises this module's ``TimeoutError``."""
        return await asyncio.wait_for(awaitable, duration_ms / 1000)

    def ticks_ms() -> int:
        """The wrapping millisecond counter."""
        return time.monotonic_ns() // 1_000_000 % TICKS_PERIOD

    def ticks_us() -> int:
        """The wrapping microsecond counter; wraps after 18 minutes."""
        return time.monotonic_ns() // 1000 % TICKS_PERIOD

    def ticks_diff(end: int, start: int) -> int:
        """Signed ``end - start`` across the wrap, for spans of less than half a period."""
        half = TICKS_PERIOD // 2
        return (end - start + half) % TICKS_PERIOD - half

    def ticks_add(ticks: int, delta_ms: int) -> int:
        """``ticks`` moved by ``delta_ms`` across the wrap."""
        return (ticks + delta_ms) % TICKS_PERIOD


def collect_garbage() -> None:
    """Tidy the heap in idle time, where the platform would otherwise do it in the middle of a step.

    CPython frees by counting references; a collection there would only cost time.
    """
    if MICROPYTHON:
        gc.collect()


class Clock:
    """Monotonic milliseconds since it was made, from a counter that wraps."""

    def __init__(
        self, ticks: Callable[[], int] = ticks_ms, difference: Callable[[int, int], int] = ticks_diff
    ) -> None:
        self._ticks = ticks
        self._difference = difference
        self._last = ticks()
        self._now_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since this clock was made."""
        ticks = self._ticks()
        elapsed = self._difference(ticks, self._last)
        # A counter that steps back would be a broken counter: time then stands still.
        if elapsed > 0:
            self._now_ms += elapsed
            self._last = ticks
        return self._now_ms


class ByteStream:
    """A reading and a writing file that never make anybody wait.

    ``read()`` returns what has arrived (``b""`` also when the far side is gone: a host that comes back
    finds the wire as it left it).  ``write()`` keeps what did not fit and sends it first the next time;
    when nobody reads, whole writes are dropped and counted, so that frames stay whole.
    """

    def __init__(self, source: Any, sink: Any) -> None:
        self.dropped = 0
        self._source = source
        self._sink = sink
        self._pending = b""
        self._readable = select.poll()
        self._readable.register(source, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sink, select.POLLOUT)

    def read(self, limit: int = _READ_AT_ONCE) -> bytes:
        """What has arrived, at most ``limit`` bytes."""
        data = bytearray()
        while len(data) < limit and _is_ready(self._readable, select.POLLIN):
            # A byte at a time where the descriptor may block: a longer read would wait for all of it.
            chunk = _read_some(self._source, 1 if MICROPYTHON else limit - len(data))
            if not chunk:
                break
            data.extend(chunk)
        return bytes(data)

    def backlog(self) -> int:
        """How many bytes wait for a sink that takes no more."""
        return len(self._pending)

    def write(self, data: bytes) -> bool:
        """Send or queue all of ``data``; False when it was dropped because nobody reads."""
        if len(self._pending) + len(data) > _MOST_PENDING:
            self.dropped += 1
            data = b""
            taken = False
        else:
            taken = True
        self._pending += data
        if self._pending and _is_ready(self._writable, select.POLLOUT):
            self._pending = self._pending[_write_some(self._sink, self._pending) :]
        return taken


def open_standard_wire() -> ByteStream:
    """Standard input and output as a wire, switched to non-blocking where the platform can."""
    if MICROPYTHON:
        return ByteStream(sys.stdin.buffer, sys.stdout.buffer)
    for descriptor in (0, 1):
        os.set_blocking(descriptor, False)
    return ByteStream(0, 1)


def _is_ready(poll: Any, event: int) -> bool:
    return any(entry[1] & event for entry in poll.poll(0))


def _read_some(source: Any, limit: int) -> bytes:
    """At most ``limit`` bytes; none when there are none or the far side has closed."""
    try:
        return (source.read(limit) if MICROPYTHON else os.read(source, limit)) or b""
    except OSError:
        # EAGAIN, or EIO of a pseudo-terminal whose other end is closed: in both cases nothing arrived.
        return b""


def _write_some(sink: Any, data: bytes) -> int:
    """How many bytes the sink took."""
    try:
        return (sink.write(data) if MICROPYTHON else os.write(sink, data)) or 0
    except OSError:
        return 0


def unix_address(path: str) -> str | bytes:
    """What ``socket.connect`` wants for a Unix socket: MicroPython takes the raw ``sockaddr_un``."""
    return struct.pack("H108s", 1, path.encode()) if MICROPYTHON else path


def platform_name() -> bytes:
    """Interpreter and machine, for a board's name."""
    return f"{sys.implementation.name}-{sys.platform}".encode()


def make_console_transparent() -> None:
    """On a microcontroller the console is the wire: a byte 03 must not interrupt the program."""
    if MICROPYTHON:
        import micropython

        micropython.kbd_intr(-1)


def chip_serial() -> bytes:
    """The microcontroller's own number as text; empty where there is none."""
    if not MICROPYTHON:
        return b""
    import machine

    return binascii.hexlify(machine.unique_id())[:16]
