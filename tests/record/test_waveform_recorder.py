"""The recorder with a real process: nothing waits, nothing raises, and what is lost is told."""

import errno
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.waveforms import feeder, killed, said
from gateway.record.errors import WaveformMisused, WaveformNotWritten
from gateway.record.row import ClockQuality, Stamp
from gateway.record.waveforms import feed
from gateway.record.waveforms.disk import Disk
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.recorder import WaveformRecorder
from tests.record import waveform_files as files
from tests.record.small_disk import small_disk
from tests.record.waveform_files import CUFF, FULL_LOAD, LIGHT, MUSCLE

_LONG_S = 20.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.rvw"


@pytest.fixture
def recorder(path: Path) -> Iterator[WaveformRecorder]:
    """One of all sensors; its process ends with the test."""
    made = WaveformRecorder.open(path, files.description(*FULL_LOAD))
    yield made
    made.close()
    assert made.join(_LONG_S)


def _ended(pid: int) -> None:
    """Wait until a process that is not our child is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], _LONG_S)[0]
    os.close(descriptor)


def _told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = process.communicate(timeout=_LONG_S)
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


# what was handed over


def test_everything_that_was_handed_over_is_in_the_file(path: Path) -> None:
    process = feeder(path, 1.6, "close")
    said(process)
    told = _told(process)
    assert told["frames"] == files.frames(path)
    assert told["status"] == {"safe_bytes": path.stat().st_size, "lost": {}, "refused": 0, "failure": None}
    assert files.false_samples(path) == 0
    with Waveform.open(path) as opened:
        assert opened.ending is not None
        assert opened.ending.reason == "closed"
        assert all(not one.gaps for one in opened.tracks)


def test_a_core_that_dies_loses_nothing(path: Path) -> None:
    process = feeder(path, 1.2, "leave")
    writer = int(said(process)["writer"])
    told = _told(process)
    _ended(writer)
    assert told["frames"] == files.frames(path)
    with Waveform.open(path) as opened:
        assert opened.ending is not None
        assert opened.ending.reason == "core ended without closing it"


@pytest.mark.parametrize(("after_s", "with_core"), [(0.9, False), (1.7, True)])
def test_a_killed_writer_loses_at_most_the_last_second(path: Path, after_s: float, with_core: bool) -> None:
    found = killed(path, after_s, with_core)
    assert float(str(found["lost_s"])) <= 1.0
    assert (found["false_samples"], found["damaged"]) == (0, 0)


def test_it_is_read_while_it_grows(path: Path) -> None:
    process = feeder(path, 1.6, "close")
    said(process)
    seen = []
    while process.poll() is None:
        with Waveform.open(path) as opened:
            assert opened.damaged == ()
            seen.append(opened.tracks[0].frames)
    process.communicate()
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert files.false_samples(path) == 0


# what cannot be recorded


def test_a_writer_that_stands_costs_samples_and_says_how_many(recorder: WaveformRecorder, path: Path) -> None:
    chunk, frames = files.counted(MUSCLE, 0, 16), 0
    os.kill(recorder.writer_pid, signal.SIGSTOP)
    while "emg" not in recorder.status().lost:  # which hands over what has gathered
        recorder.append("emg", frames / 2.0, chunk)
        frames += 16
    sent = frames - 16
    for _ in range(5):
        recorder.append("emg", frames / 2.0, chunk)
        frames += 16
    assert recorder.status().lost == {"emg": frames - sent}
    os.kill(recorder.writer_pid, signal.SIGCONT)
    lost = -1
    while lost != recorder.status().lost["emg"]:  # until one fits again
        lost = recorder.status().lost["emg"]
        recorder.append("emg", frames / 2.0, chunk)
        frames += 16
    recorder.close()
    assert recorder.join(_LONG_S)
    missing = recorder.status().lost["emg"]
    with Waveform.open(path) as opened:
        track = opened.track("emg")
        assert track.frames == frames - missing
        assert [(one.missing, one.causes) for one in track.gaps] == [(missing, ("recorder too slow",))]


def test_a_batch_that_is_lost_is_told_whole_by_the_next_that_fits(
    recorder: WaveformRecorder, path: Path
) -> None:
    """Two streams, a gap of the device's own and a mark in one batch, into a pipe that is full."""
    recorder.append("ppg", 0.0, files.counted(LIGHT, 0, 5))
    recorder.status()
    os.kill(recorder.writer_pid, signal.SIGSTOP)
    while "emg" not in recorder.status().lost:
        recorder.append("emg", 0.0, files.counted(MUSCLE, 0, 16))
    lost, refused = recorder.status().lost["emg"], recorder.status().refused
    recorder.append("emg", 8.0, files.counted(MUSCLE, 16, 16))
    recorder.append("ppg", 8.0, files.counted(LIGHT, 0, 5), missing=7)
    recorder.mark(9.0, "in the same batch")
    told = recorder.status()
    assert told.lost == {"emg": lost + 16, "ppg": 5}
    assert told.refused == refused + 1
    os.kill(recorder.writer_pid, signal.SIGCONT)
    refused = -1
    while refused != recorder.status().refused:  # until there is room again
        refused = recorder.status().refused
        recorder.mark(10.0, "is there room? " * 250)
    recorder.close()
    assert recorder.join(_LONG_S)
    with Waveform.open(path) as opened:
        gaps = {one.stream.name: [gap.missing for gap in one.gaps] for one in opened.tracks if one.gaps}
    assert gaps == {"emg": [lost + 16], "ppg": [12]}


def test_what_comes_late_keeps_its_own_time(recorder: WaveformRecorder) -> None:
    """Chunks of 8 ms in one batch, and a stall of 60 ms between two of them."""
    for at in range(8):
        late_ms = 60.0 if at >= 4 else 0.0
        recorder.append("emg", files.BEGAN_US / 1000 + at * 8.0 + late_ms, files.counted(MUSCLE, at * 16, 16))
    records, written = list[feed.Record](), os.write

    def seen(sink: int, data: bytes) -> int:
        records.extend(feed.Records().push(data))
        return written(sink, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", seen)
        recorder.flush()
    size = 4 * len(files.counted(MUSCLE, 0, 16))
    found = [(one.mono_us - files.BEGAN_US, len(one.data)) for one in records]
    assert found == [(0, size), (92_000, size)]


def test_what_is_longer_than_one_write_leaves_at_once(recorder: WaveformRecorder) -> None:
    """So a batch never grows beyond what the kernel writes in one piece."""
    writes: list[int] = []
    written = os.write

    def counted(sink: int, data: bytes) -> int:
        writes.append(len(data))
        return written(sink, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", counted)
        for at in range(100):
            recorder.append("emg", at * 8.0, files.counted(MUSCLE, at * 16, 16))
    assert max(writes) <= feed.PIPE_BUF
    assert sum(writes) > 90 * 256
    assert len(writes) <= 10


def test_what_is_lost_in_the_end_is_told_in_the_end(path: Path) -> None:
    made = WaveformRecorder.open(path, files.description(LIGHT))
    made.append("ppg", 0.0, files.counted(LIGHT, 0, 5))
    made.append("ppg", 10.0, b"", missing=12)
    made.close()
    assert made.join(_LONG_S)
    with Waveform.open(path) as opened:
        (gap,) = opened.tracks[0].gaps
        assert (gap.missing, gap.causes) == (12, ("lost at the end",))


def test_nonsense_is_counted_and_never_raised(recorder: WaveformRecorder, path: Path) -> None:
    nonsense: list[tuple[Any, Any, Any]] = [
        ("nothing", 0.0, b"12"),
        ("ppg", 0.0, b"123"),
        ("ppg", 0.0, None),
        ("ppg", "now", b"12"),
        ("ppg", float("nan"), b"12"),
        ("ppg", 1e30, b"12"),
        (None, 0.0, b"12"),
    ]
    for stream, at_ms, data in nonsense:
        recorder.append(stream, at_ms, data)
    assert recorder.status().refused == len(nonsense)
    recorder.append("ppg", 0.0, files.counted(LIGHT, 0, 5))
    recorder.mark(4.0, "é" * 5000)
    recorder.clock(Stamp(1, 0, 0, ClockQuality.SIMULATED))
    recorder.close()
    recorder.close()
    assert recorder.join(_LONG_S)
    assert files.frames(path)["ppg"] == 5
    with Waveform.open(path) as opened:
        assert set(opened.marks[0].text) == {"é"}


def test_a_large_chunk_is_sent_in_pieces_with_their_own_times(recorder: WaveformRecorder, path: Path) -> None:
    recorder.append("emg", files.BEGAN_US / 1000, memoryview(files.counted(MUSCLE, 0, 4000)))
    recorder.close()
    assert recorder.join(_LONG_S)
    assert files.frames(path)["emg"] == 4000
    assert files.false_samples(path) == 0
    with Waveform.open(path) as opened:
        assert [one.frames for one in opened.track("emg").runs] == [4000]


def test_a_writer_that_was_killed_is_told_and_stops_nothing(recorder: WaveformRecorder) -> None:
    os.kill(recorder.writer_pid, signal.SIGKILL)
    assert recorder.join(_LONG_S)
    for at in range(3):
        recorder.append("ppg", at * 10.0, files.counted(LIGHT, at * 5, 5))
        recorder.mark(at * 10.0, "still there")
    told = recorder.status()
    assert told.lost == {"ppg": 15}
    assert told.failure is not None
    assert "nothing takes the waveforms" in told.failure


def test_who_ends_the_services_does_not_end_the_file_first(recorder: WaveformRecorder, path: Path) -> None:
    recorder.append("ppg", 0.0, files.counted(LIGHT, 0, 5))
    while recorder.status().safe_bytes == 0:
        recorder.append("ppg", 0.0, b"", missing=0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(recorder.writer_pid, number)
    recorder.append("ppg", 10.0, files.counted(LIGHT, 5, 5))
    recorder.close()
    assert recorder.join(_LONG_S)
    assert files.frames(path)["ppg"] == 10


def test_paths_and_streams_that_cannot_be(path: Path) -> None:
    path.write_bytes(b"mine")
    with pytest.raises(WaveformNotWritten, match="it exists"):
        WaveformRecorder.open(path, files.description(LIGHT))
    assert path.read_bytes() == b"mine"
    with pytest.raises(WaveformNotWritten, match="check the directory"):
        WaveformRecorder.open(path / "b.rvw", files.description(LIGHT))
    with pytest.raises(WaveformMisused):
        WaveformRecorder.open(path.with_name("c.rvw"), files.description())


def test_it_can_be_read_as_soon_as_it_is_open(recorder: WaveformRecorder, path: Path) -> None:
    os.kill(recorder.writer_pid, signal.SIGKILL)
    with Waveform.open(path) as opened:
        assert [one.name for one in opened.tracks] == [one.name for one in FULL_LOAD]


# disks


def test_a_full_disk_ends_the_waveform_and_leaves_room_for_the_journal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20) as disk:
        path = disk / "a.rvw"
        made = WaveformRecorder.open(path, files.description(MUSCLE))
        chunk, at = files.counted(MUSCLE, 0, 160), 1
        made.append("emg", 0.0, chunk)
        begun = path.stat().st_size
        while made.status().safe_bytes <= begun:  # a flood at once would fill the disk with its first block
            continue
        while made.status().failure is None:
            made.append("emg", at * 80.0, chunk)
            at += 1
        made.close()
        assert made.join(_LONG_S)
        found = os.statvfs(disk)
        assert found.f_bavail * found.f_frsize > 16 * 1024 * 1024 - 65_536
        assert made.status().failure == "the disk has no room left for waveforms"
        with Waveform.open(path) as opened:
            assert opened.ending is not None
            assert opened.ending.reason == made.status().failure
            assert opened.damaged == ()
            assert opened.tracks[0].frames > 0


class _BadDisk:
    """Takes ``takes`` bytes a write, fails from ``fails_after`` bytes on, and may stand still."""

    def __init__(self, fails_after: int = 1 << 30, error: int = errno.EIO, takes: int = 1 << 30) -> None:
        self.data = bytearray()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._fails_after, self._error, self._takes = fails_after, error, takes

    def write(self, data: memoryview) -> int:
        left = self._fails_after - len(self.data)
        if left <= 0:
            raise OSError(self._error, os.strerror(self._error))
        taken = min(len(data), self._takes, left)
        self.data += data[:taken]
        return taken

    def sync(self) -> None:
        assert self.goes_on.wait(_LONG_S)

    def truncate(self, size: int) -> None:
        del self.data[size:]

    def room_bytes(self) -> int:
        return 1 << 40


def _nothing(_: str | None) -> bytes:
    return b""


def test_a_disk_that_stands_still_keeps_nobody_waiting() -> None:
    system, safe = _BadDisk(), list[int]()
    system.goes_on.clear()
    disk = Disk(system, safe.append, 0)
    for _ in range(1000):
        disk.put(bytes(1000), True)
    assert disk.backlog_bytes >= 999_000
    assert safe == []
    system.goes_on.set()
    disk.close(_nothing)
    assert (disk.backlog_bytes, safe[-1], disk.failure) == (0, 1_000_000, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(errno.ENOSPC, "no room left"), (errno.EDQUOT, "no room left"), (errno.EIO, "failed")],
)
def test_a_block_that_was_not_taken_whole_is_taken_back(error: int, reason: str) -> None:
    system = _BadDisk(fails_after=2500, error=error, takes=300)
    disk = Disk(system, lambda _: None, 0)
    for _ in range(4):
        disk.put(bytes(1000), False)
    disk.close(_nothing)
    assert len(system.data) == 2000
    assert disk.failure is not None
    assert reason in disk.failure


def test_a_slow_disk_is_waited_for_by_the_pipe_and_not_by_core(path: Path) -> None:
    """The writer, here: with a full backlog it leaves the pipe alone, and goes on when there is room."""
    from gateway.record.waveforms import process

    system = _BadDisk()
    system.goes_on.clear()
    disk = Disk(system, lambda _: None, 0)
    source, sink = os.pipe2(os.O_NONBLOCK)
    writer = process.Writer(source, disk)
    os.write(sink, feed.describe([feed.Shape(2, 2000.0)], b"{}"))
    assert writer.look()
    disk.put(bytes(process.MOST_BACKLOG_BYTES), True)
    disk.put(bytes(process.MOST_BACKLOG_BYTES), True)
    os.write(sink, feed.record(feed.CLOSE, b"closed"))
    assert writer.look()  # did not read that it is closed
    system.goes_on.set()
    while disk.backlog_bytes:
        assert disk.failure is None
    assert not writer.look()
    os.close(sink)
    os.close(source)
    disk.close(_nothing)


def test_the_writing_process_loads_little(path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gateway.record.waveforms.process; "
        "print(sorted({'msgspec', 'numpy', 'asyncio', 'subprocess', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(Path(files.__file__).parents[2])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert CUFF.name == "cuff_status"
