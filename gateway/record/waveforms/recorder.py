"""What core sees of the waveform recorder: a face that never waits and never raises.

Theory of operation
-------------------
``open`` makes the file and starts the process that writes it (``process``); it takes up to a second, so it
belongs where a session is armed, in a thread, not into the cycle.  What is said gathers in a batch, which one
write puts into a pipe that never blocks: with every turn (``flush``), and when the batch is as long as the
kernel writes at once.  A write for each chunk cost core 1,500 calls a second and woke the writer as often.
When the pipe is full the batch is lost and counted; the next chunk that fits says how many, so that the file
says it too.  Chunks of one stream that follow each other within a batch become one record, with the time of
the first: the writer makes longer blocks of them in any case.  A process that died, a full disk, a chunk of
the wrong size: counted, kept in ``status``, never raised.  Nothing here can stop a session.  A core that dies
takes with it what has gathered since its last turn.

Why a process and not a thread: a thread that runs Python holds the interpreter for up to 5 ms
(``sys.getswitchinterval``) while a sample waits for its decision; docs/waveforms.md has the figures.

States: open, closed.  All times are arguments.

Units: ``mono_ms`` is of core's monotonic clock and may have a fraction; counts are frames (one sample of each
channel of a stream).
"""

import errno
import fcntl
import os
import select
import struct
import subprocess
import sys
from array import array
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import msgspec

import gateway
from gateway.record.errors import WaveformNotWritten
from gateway.record.row import Stamp
from gateway.record.waveforms import blocks, feed
from gateway.record.waveforms.disk import LEAST_ROOM_BYTES
from gateway.record.waveforms.streams import Description, Stream, encode

PIPE_BYTES = 1 << 20
"""The kernel's most for everybody: 17 s of the full load of sensors."""
START_S = 5.0
"""How long ``open`` waits for the writer to be ready; a slower one catches up by itself."""
OFF_US = 20_000
"""A chunk that comes further than this from where its frames say it should is not joined to those before it:
buses are a few ms late or early, a core that stood is later."""
_MOST_LOST = 0xFFFFFFFF
_MOST_US = (1 << 63) - 1
_STATUS_BYTES = 65_536
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from gateway.record.waveforms.process import main; main()"
)
_ROOT = Path(gateway.__file__).parents[1]
_MISFITS = (KeyError, TypeError, ValueError, OverflowError, struct.error, BufferError)


Samples: TypeAlias = "bytes | bytearray | memoryview | array[int] | array[float]"


class Status(msgspec.Struct, frozen=True):
    """How the recording does. ``safe_bytes`` of the file survive a power cut."""

    safe_bytes: int
    lost: dict[str, int]
    refused: int
    failure: str | None


class _Stream:
    """One stream as core sends it: ``untold`` lost frames, and why, wait for the next chunk that fits."""

    def __init__(self, number: int, stream: Stream) -> None:
        self.number = number
        self.frame_bytes = len(stream.channels) * blocks.SAMPLE_BYTES[stream.sample]
        self.period_us = 1e6 / stream.rate_hz
        self.most_bytes = feed.MOST_DATA_BYTES // self.frame_bytes * self.frame_bytes
        self.untold = self.flags = self.lost = 0
        self._held: list[bytes] = []
        self.held_bytes = self._held_us = 0

    def has_room(self, mono_us: int, size: int) -> bool:
        """Whether such a chunk, without a gap before it, may stand in one record with what is held."""
        due_us = self._held_us + self.held_bytes // self.frame_bytes * self.period_us
        return self.held_bytes + size <= self.most_bytes and abs(mono_us - due_us) < OFF_US

    def hold(self, mono_us: int, data: bytes) -> None:
        """Keep a chunk until the batch is made."""
        if not self._held:
            self._held_us = mono_us
        self._held.append(data)
        self.held_bytes += len(data)

    def record(self) -> bytes:
        """What is held as a record, with what is untold before it."""
        head = feed.HEAD.pack(
            feed.SAMPLES, self.flags, self.number, self.held_bytes, self._held_us, self.untold
        )
        data = b"".join((head, *self._held))
        self._held = []
        self.held_bytes = self.untold = self.flags = 0
        return data

    def miss(self, count: int, flag: int) -> None:
        """So many frames will never be in the file."""
        self.untold = min(self.untold + count, _MOST_LOST)
        self.flags |= flag


class _Sent(NamedTuple):
    """What a record of the batch holds, to be told if it is lost: of a stream, or a word."""

    own: _Stream | None
    frames: int
    untold: int
    flags: int


class WaveformRecorder:
    """The writer of one file. Make it with ``WaveformRecorder.open``."""

    def __init__(
        self, sink: int, told: int, process: "subprocess.Popen[bytes]", streams: dict[str, _Stream]
    ) -> None:
        self._sink, self._told, self._process, self._streams = sink, told, process, streams
        self._batch: list[bytes] = []
        self._batched: list[_Sent] = []
        self._batch_bytes = 0
        self._lines = b""
        self._safe_bytes = self._refused = 0
        self._failure: str | None = None

    @classmethod
    def open(cls, path: Path, description: Description, *, least_room_bytes: int = LEAST_ROOM_BYTES) -> Self:
        """A new file at ``path`` and the process that writes it.

        Raises ``WaveformMisused`` (streams that cannot be) and ``WaveformNotWritten`` (path, rights, disk).
        """
        own = encode(description)
        file = _created(path, blocks.beginning(own))
        source, sink = os.pipe2(os.O_CLOEXEC)
        told, status = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            process = _started(source, status, file, least_room_bytes)
        except OSError as error:
            for descriptor in (sink, told):
                os.close(descriptor)
            raise WaveformNotWritten(path, f"its writer cannot be started ({error.strerror})") from error
        finally:
            for descriptor in (source, status, file):
                os.close(descriptor)
        streams = {one.name: _Stream(number, one) for number, one in enumerate(description.streams)}
        _introduce(sink, streams, own)
        select.select([told], [], [], START_S)
        return cls(sink, told, process, streams)

    def append(self, stream: str, mono_ms: float, data: Samples, missing: int = 0) -> None:
        """These interleaved frames, the first taken at ``mono_ms``; ``missing`` frames were lost before it.

        Never waits, never raises: what cannot be recorded is counted.
        """
        try:
            own = self._streams[stream]
            chunk, mono_us = _bytes(data), int(mono_ms * 1000.0)
            if abs(mono_us) > _MOST_US:
                raise OverflowError(mono_us)
            if missing:
                self._put(own)
                own.miss(missing, blocks.TOLD)
            if len(chunk) % own.frame_bytes or not chunk:
                self._refused += 1
            elif len(chunk) <= own.most_bytes:
                self._hold(own, mono_us, chunk)
            else:
                self._hold_pieces(own, mono_us, chunk)
        except _MISFITS:
            self._refused += 1

    def mark(self, mono_ms: float, text: str) -> None:
        """A word at an instant. Never waits, never raises."""
        self._say(feed.record(feed.MARK, _cut(text), int(mono_ms * 1000.0)))

    def clock(self, stamp: Stamp) -> None:
        """What the wall clock says; from then on it labels what is recorded. Never waits, never raises."""
        own = feed.CLOCK_FIELDS.pack(stamp.wall_ms * 1000, blocks.QUALITIES.index(stamp.clock.value))
        self._say(feed.record(feed.CLOCK, own, stamp.mono_ms * 1000))

    def flush(self) -> None:
        """Hand over what has gathered; with every turn of the cycle. Never waits, never raises."""
        for one in self._streams.values():
            self._put(one)
        self._write()

    def _write(self) -> None:
        """The batch, in one piece or not at all."""
        if not self._batch:
            return
        data, batched = b"".join(self._batch), self._batched
        self._batch, self._batched, self._batch_bytes = [], [], 0
        try:
            os.write(self._sink, data)
        except OSError as error:
            self._not_sent(error)
            for one in batched:
                self._lose(one)

    def status(self) -> Status:
        """How it does; hands over what has gathered and reads what the writer says. Never waits or raises."""
        self.flush()
        self._listen()
        lost = {name: one.lost for name, one in self._streams.items() if one.lost}
        return Status(self._safe_bytes, lost, self._refused, self._failure)

    def close(self, reason: str = "closed") -> None:
        """No more samples: the writer ends the file by itself. Never waits; a second call does nothing."""
        if self._sink < 0:
            return
        for one in self._streams.values():
            self._put(one)
            if one.untold:
                self._add(_Sent(one, 0, one.untold, one.flags), one.record())
        self._say(feed.record(feed.CLOSE, _cut(reason)))
        self.flush()
        os.close(self._sink)
        self._sink = -1

    def join(self, timeout_s: float) -> bool:
        """Wait for the writer's end after ``close``; whether it has come. Not for the cycle."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._listen()
        return True

    @property
    def writer_pid(self) -> int:
        """The number of the process that writes."""
        return self._process.pid

    def _hold(self, own: _Stream, mono_us: int, chunk: bytes) -> None:
        if own.held_bytes and not own.has_room(mono_us, len(chunk)):
            self._put(own)
        own.hold(mono_us, chunk)

    def _put(self, own: _Stream) -> None:
        """What is held of a stream into the batch."""
        if own.held_bytes:
            sent = _Sent(own, own.held_bytes // own.frame_bytes, own.untold, own.flags)
            self._add(sent, own.record())

    def _add(self, sent: _Sent, record: bytes) -> None:
        if self._batch_bytes + len(record) > feed.PIPE_BUF:
            self._write()
        self._batch.append(record)
        self._batched.append(sent)
        self._batch_bytes += len(record)

    def _lose(self, sent: _Sent) -> None:
        if sent.own is None:
            self._refused += 1
        else:
            sent.own.lost += sent.frames
            sent.own.miss(sent.untold, sent.flags)
            sent.own.miss(sent.frames, blocks.QUEUE if sent.frames else 0)

    def _hold_pieces(self, own: _Stream, mono_us: int, chunk: bytes) -> None:
        for begin in range(0, len(chunk), own.most_bytes):
            ahead_us = begin // own.frame_bytes * own.period_us
            self._hold(own, mono_us + round(ahead_us), chunk[begin : begin + own.most_bytes])

    def _say(self, record: bytes) -> None:
        self._add(_Sent(None, 0, 0, 0), record)

    def _not_sent(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError) and self._failure is None:
            self._listen()
            self._failure = self._failure or f"nothing takes the waveforms any more ({error.strerror})"

    def _listen(self) -> None:
        with suppress(OSError):  # nothing said, or nobody there to say it
            self._lines += os.read(self._told, _STATUS_BYTES)
        *whole, self._lines = self._lines.split(b"\n")
        for line in whole:
            self._heard(msgspec.json.decode(line))

    def _heard(self, facts: dict[str, int | str]) -> None:
        self._safe_bytes = int(facts.get("bytes", self._safe_bytes))
        if "failure" in facts:
            self._failure = str(facts["failure"])


def _bytes(data: Samples) -> bytes:
    return data if isinstance(data, bytes) else memoryview(data).tobytes()


def _cut(text: str) -> bytes:
    """As much of a text as one record takes; not through the middle of a character."""
    return text.encode(errors="replace")[: feed.MOST_DATA_BYTES].decode(errors="ignore").encode()


def _created(path: Path, beginning: bytes) -> int:
    """The new file with its beginning, safe on the disk: whatever happens later, it says what it is."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
    except FileExistsError as error:
        raise WaveformNotWritten(path, "it exists: waveforms are never written twice") from error
    except OSError as error:
        text = f"cannot be made ({error.strerror}): check the directory and its rights"
        raise WaveformNotWritten(path, text) from error
    try:
        _begin(path, file, beginning)
    except OSError as error:
        os.close(file)
        path.unlink(missing_ok=True)
        raise WaveformNotWritten(path, f"cannot be written ({error.strerror}): check the disk") from error
    return file


def _begin(path: Path, file: int, beginning: bytes) -> None:
    if os.write(file, beginning) < len(beginning):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _started(source: int, status: int, file: int, least_room_bytes: int) -> "subprocess.Popen[bytes]":
    words = map(str, (_ROOT, source, status, file, least_room_bytes))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _START, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(source, status, file),
    )


def _introduce(sink: int, streams: dict[str, _Stream], description: bytes) -> None:
    """Say what will come, then never wait on this pipe again."""
    with suppress(OSError):  # another user's limit: the pipe is smaller then
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    shapes = [feed.Shape(one.frame_bytes, one.period_us) for one in streams.values()]
    with suppress(BrokenPipeError):  # told by the first chunk
        os.write(sink, feed.describe(shapes, description))
    os.set_blocking(sink, False)
