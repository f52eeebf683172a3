"""A serial port that tells the truth: the only user of pyserial-asyncio.

Theory of operation
-------------------
``open_port`` gives a ``SerialPort`` or one typed error.  From then on the port is *open*, then
*closing* (``close`` was called, what was written is still going out) or *lost*, and in the end
*closed*.  There is one way out: the file descriptor is closed first, then ``wait_closed`` returns and,
if nobody had asked for it, ``on_lost`` is called, once, with the reason.  So ``on_lost`` may open the
same path again.

**A silent peer produces no event at all.**  An unplugged serial cable behind a plugged USB adapter, a
hung device, a wrong baud rate: nothing here notices.  Liveness is the caller's: the age of the last
valid *frame*, never of bytes and never of what we wrote.

What is masked (pyserial-asyncio 0.6, pyserial 3.5; observed, or read in their source):

- the port is still open inside ``connection_lost``: the end is reported one turn of the loop later;
- a write after close is dropped in silence: ``PortClosed``;
- ``close()`` on a stalled peer never calls back: a bounded drain, then ``abort()``;
- the loss of the connection drains the kernel's queue with a blocking call (``tcdrain``), which would
  stop the process for as long as the peer is stalled: left out, and the queue is discarded;
- ``SerialTransport.write`` only queues, and sends in the loop's next turn: what nothing waits before is
  sent at once;
- ``Serial.write`` spins for ever on EAGAIN when it is told not to block: one ``os.write`` instead;
- a read error with bytes still to be sent reports nothing until a write fails as well, and a second
  ``abort()`` raises inside the loop: every error takes the one way out here, and takes it once;
- its write buffer is unbounded: more than ``pending_limit`` bytes waiting is a stalled peer, and a
  lost one.  Discarding them is the point: commands that arrive late are worse than none;
- two opens of one port both succeed: ``exclusive=True`` (an advisory lock, held against those who ask).

Opening flushes the input: what a device sent before is gone.  Units: bytes, seconds.
"""

import asyncio
import errno
import os
import termios
from collections.abc import Callable

import serial
from serial_asyncio import SerialTransport

from drivers.errors import PortAbsent, PortBusy, PortClosed, PortDenied, PortError

PENDING_LIMIT = 1024
"""Bytes that may wait for a peer; about 40 leases, four seconds of them."""

DRAIN_S = 0.5
"""How long ``close`` waits for what was written to leave."""

_DRAIN_POLL_S = 0.005

_BUSY = (errno.EBUSY, errno.EAGAIN)
_DENIED = (errno.EACCES, errno.EPERM)


class SerialPort:
    """One open port. Made by ``open_port``; used from the loop's own thread."""

    def __init__(
        self,
        path: str,
        device: "_Device",
        on_bytes: Callable[[bytes], None],
        on_lost: Callable[[str], None],
        pending_limit: int,
    ) -> None:
        self.path = path
        self.bytes_received = 0
        self.bytes_written = 0
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._pending_limit = pending_limit
        self._open = True
        self._ending = False
        self._lost_reason: str | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._device = device
        device.on_error = self._lose_soon
        self._transport = SerialTransport(self._loop, _Events(self), device)
        self._transport.set_write_buffer_limits(high=0)

    @property
    def is_open(self) -> bool:
        """True while ``write`` is accepted."""
        return self._open

    @property
    def pending_bytes(self) -> int:
        """Bytes accepted by ``write`` that the kernel has not taken yet."""
        return 0 if self._ending else int(self._transport.get_write_buffer_size())

    def write(self, data: bytes) -> None:
        """Send ``data`` at once, and let what the kernel does not take wait its turn; never waits itself.

        Raises ``PortClosed`` once the port is closing, lost or closed.  A peer that has stalled is
        lost by this call: ``data`` and what waited before it are discarded and ``on_lost`` follows.
        """
        if not self._open:
            raise PortClosed(self.path)
        if self.pending_bytes + len(data) > self._pending_limit:
            self._lose(f"{self.path}: the device takes no data ({self.pending_bytes} bytes waiting)")
            return
        self.bytes_written += len(data)
        taken = 0 if self.pending_bytes else self._device.write(data)
        if taken < len(data):
            self._transport.write(bytes(data[taken:]))

    async def close(self, drain_s: float = DRAIN_S) -> None:
        """Let what was written leave, for at most ``drain_s``, and return with the port closed.

        Safe to call at any time and more than once.  ``on_lost`` is not called.
        """
        if self._open:
            self._open = False
            self._end(discard=not await self._drain(drain_s))
        await self._closed.wait()

    async def wait_closed(self) -> None:
        """Return when the port is closed, whoever closed it; the path can then be opened again."""
        await self._closed.wait()

    async def _drain(self, drain_s: float) -> bool:
        try:
            async with asyncio.timeout(drain_s):
                await self._drained.wait()
                # The kernel offers no event for "the last byte left"; tcdrain would block the loop.
                while self._device.kernel_pending():  # noqa: ASYNC110
                    await asyncio.sleep(_DRAIN_POLL_S)
        except TimeoutError:
            return False
        return True

    def _lose_soon(self, detail: str) -> None:
        """Called inside the transport's own read or write, which must finish before it is ended."""
        self._loop.call_soon(self._lose, f"{self.path}: {detail}")

    def _lose(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._lost_reason = reason
        self._end(discard=True)

    def _end(self, *, discard: bool) -> None:
        if self._ending:
            return
        self._ending = True
        if discard:
            self._device.discard_output()
        self._transport.abort()

    def _received(self, data: bytes) -> None:
        if self._open:
            self.bytes_received += len(data)
            self._on_bytes(data)

    def _ended(self) -> None:
        """Inside ``connection_lost``: the file descriptor is closed right after it returns."""
        self._drained.set()
        self._loop.call_soon(self._report_end)

    def _report_end(self) -> None:
        self._closed.set()
        if self._lost_reason is not None:
            self._on_lost(self._lost_reason)


class _Events(asyncio.Protocol):
    """What the transport calls; kept apart so that ``SerialPort`` shows callers only their own verbs."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port

    def data_received(self, data: bytes) -> None:
        self._port._received(data)

    def pause_writing(self) -> None:
        self._port._drained.clear()

    def resume_writing(self) -> None:
        self._port._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port._ended()


class _Device:
    """The file behind the transport: never blocks, never spins, and hands errors to one place."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self.on_error: Callable[[str], None] = lambda detail: None
        self.timeout = 0
        self.write_timeout = 0

    def fileno(self) -> int:
        return int(self._port.fileno())

    def read(self, size: int) -> bytes:
        try:
            data = os.read(self.fileno(), size)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            self.on_error(f"unplugged or gone (read: {error.strerror})")
            return b""
        if not data:
            self.on_error("unplugged or gone (end of file)")
        return data

    def write(self, data: bytes) -> int:
        """Send what the kernel takes now. After an error: everything, so that the transport lets go."""
        try:
            return os.write(self.fileno(), data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.on_error(f"unplugged or gone (write: {error.strerror})")
            return len(data)

    def flush(self) -> None:
        """Nothing: the drain is ``SerialPort.close``'s, with a limit."""

    def kernel_pending(self) -> int:
        try:
            return int(self._port.out_waiting)
        except OSError:
            return 0

    def discard_output(self) -> None:
        try:
            self._port.reset_output_buffer()
        except termios.error:
            # The device is gone, and what it was to receive with it.
            return

    def close(self) -> None:
        self._port.close()


async def open_port(
    path: str,
    baudrate: int,
    on_bytes: Callable[[bytes], None],
    on_lost: Callable[[str], None],
    *,
    parity: str = "N",
    stop_bits: int = 1,
    pending_limit: int = PENDING_LIMIT,
) -> SerialPort:
    """Open ``path`` for this process alone, 8 data bits, no flow control.

    ``on_bytes`` gets what arrives, in whatever pieces; ``on_lost`` gets the reason, once, if the port
    ends without ``close``.  Raises ``PortAbsent``, ``PortBusy`` or ``PortDenied``.
    """
    try:
        port = serial.Serial(path, baudrate, parity=parity, stopbits=stop_bits, timeout=0, exclusive=True)
    except (OSError, termios.error) as error:
        raise _typed(path, error) from error
    return SerialPort(path, _Device(port), on_bytes, on_lost, pending_limit)


def _typed(path: str, error: Exception) -> PortError:
    number = getattr(error, "errno", None)
    if number in _BUSY:
        return PortBusy(path)
    if number in _DENIED:
        return PortDenied(path)
    detail = os.strerror(number) if isinstance(number, int) else "not a serial device"
    return PortAbsent(path, detail)
