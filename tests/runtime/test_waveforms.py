"""The samples of a session in a file: the real recorder, its process, a real disk, and one that is full."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from drivers import host
from drivers.host import Block
from gateway.model import CuffReading, DeviceFault, Limb
from gateway.record.events import Event, WaveformEnded, WaveformStarted
from gateway.record.row import ClockQuality, Stamp
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Stream
from gateway.runtime.waveforms import (
    Recorded,
    Source,
    Waveforms,
    device_stream,
    own_streams,
    stimulation_stream,
)

SESSION = Recorded("rvos-07-3-1", "rvos-07", 3, Limb.LEFT_THIGH)
FORCE = host.Stream("force", 1000.0, "int32", (host.Channel("force", "N", 0.001),))
READING = CuffReading(1700, 1690, 0, True, DeviceFault.NONE, 1, 7, 1, 1_000)


def streams(limb: Limb) -> tuple[Stream, ...]:
    hub = Source("rvos hub", "H1", FORCE)
    return (*own_streams(limb), stimulation_stream(500.0), device_stream(hub, limb))


class Desk:
    """Waveforms with a clock that is moved by hand, and the journal's rows in a list."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 1_000
        self.rows: list[Event] = []
        self.executor = ThreadPoolExecutor(1)
        self.waveforms = Waveforms(folder, self.stamp, lambda row, now: self.rows.append(row), self.executor)

    def stamp(self, now: int) -> Stamp:
        return Stamp(3, now, 1_800_000_000_000 + now, ClockQuality.SYNCHRONISED)

    def turn(self, session: Recorded | None, after_ms: int = 50) -> None:
        self.now += after_ms
        self.waveforms.turn(session, streams, self.now)

    async def begin(self, session: Recorded = SESSION) -> None:
        self.turn(session)
        await self.waveforms.settled(self.now)

    async def end(self) -> None:
        self.turn(None)
        await self.waveforms.settled(self.now)

    def file(self, session: Recorded = SESSION) -> Path:
        return self.folder / f"{session.name}.rvw"


def run(scenario: Callable[[Desk], Awaitable[None]], folder: Path) -> Desk:
    desk = Desk(folder)

    async def main() -> None:
        async with asyncio.timeout(30):
            await scenario(desk)

    asyncio.run(main())
    desk.executor.shutdown()
    return desk


def test_what_is_seen_during_a_session_stands_in_its_file(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin()
        desk.waveforms.cuff(READING)
        desk.waveforms.cuff(replace(READING, control_dmmhg=None, arrived_ms=1_050))
        desk.waveforms.saturation(701, None, 1_060)
        desk.waveforms.stimulation(12_500, 1_070)
        desk.waveforms.block(Block("force", 2, (1_500).to_bytes(4, "little") * 2, 0, 1_080))
        desk.waveforms.mark("hold reached", 1_090)
        desk.turn(SESSION)
        await desk.end()

    folder = tmp_path / "waveforms"
    desk = run(scenario, folder)
    assert [type(row) for row in desk.rows] == [WaveformStarted, WaveformEnded]
    ended = desk.rows[1]
    assert isinstance(ended, WaveformEnded)
    assert (ended.file, ended.lost_frames, ended.failure) == ("rvos-07-3-1.rvw", 0, "")
    assert ended.size_bytes == desk.file().stat().st_size
    with Waveform.open(desk.file()) as found:
        values = {
            channel.name: [value for one in track.runs for value in found.values(track, channel, one)]
            for track in found.tracks
            for channel in track.stream.channels
        }
        assert found.marks[0].text == "hold reached"
    assert values["force"] == [1.5, 1.5]
    assert values["stimulation_current"] == [12_500.0]
    assert values["cuff"][0] == pytest.approx(170.0)


def test_what_came_since_the_last_turn_is_in_the_file_when_it_ends(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin()
        for at in range(3):
            desk.waveforms.stimulation(10_000 + at, 1_070 + 2 * at)
            desk.waveforms.block(Block("force", 1, at.to_bytes(4, "little"), 0, 1_070 + 2 * at))
        await desk.end()

    desk = run(scenario, tmp_path / "waveforms")
    with Waveform.open(desk.file()) as found:
        frames = {track.stream.name: track.frames for track in found.tracks}
    assert (frames["stimulation"], frames["force"]) == (3, 3)


def test_decisions_after_a_pause_have_their_own_time(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin()
        for at in (0, 2, 4, 3_004, 3_006):
            desk.waveforms.stimulation(10_000, 1_070 + at)
        await desk.end()

    desk = run(scenario, tmp_path / "waveforms")
    with Waveform.open(desk.file()) as found:
        track = found.track("stimulation")
        assert [one.frames for one in track.runs] == [3, 2]


def test_without_a_session_nothing_is_written(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.turn(None)
        desk.waveforms.cuff(READING)
        assert not desk.waveforms.busy

    desk = run(scenario, tmp_path / "waveforms")
    assert not desk.folder.exists()
    assert desk.rows == []


def test_each_session_has_a_file_of_its_own(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        for number in (1, 2):
            await desk.begin(SESSION._replace(name=f"rvos-07-3-{number}"))
            await desk.end()

    desk = run(scenario, tmp_path / "waveforms")
    assert sorted(path.name for path in desk.folder.iterdir()) == ["rvos-07-3-1.rvw", "rvos-07-3-2.rvw"]


def test_a_file_that_exists_is_not_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "waveforms"
    folder.mkdir()
    (folder / "rvos-07-3-1.rvw").write_bytes(b"somebody's data")

    async def scenario(desk: Desk) -> None:
        await desk.begin()
        assert "never written twice" in desk.waveforms.failure
        desk.waveforms.cuff(READING)
        await desk.end()
        assert desk.waveforms.failure == "", "it is over with the session"

    desk = run(scenario, folder)
    assert desk.file().read_bytes() == b"somebody's data"
    [row] = desk.rows
    assert isinstance(row, WaveformEnded)
    assert row.size_bytes == 0
    assert "never written twice" in row.failure


def test_a_disk_that_takes_no_samples_alarms_and_the_session_goes_on(tmp_path: Path) -> None:
    """The directory cannot be made: a file stands in its place."""
    folder = tmp_path / "waveforms"
    folder.write_bytes(b"")

    async def scenario(desk: Desk) -> None:
        await desk.begin()
        assert "cannot be made" in desk.waveforms.failure
        desk.waveforms.block(Block("force", 1, bytes(4), 0, 1_080))
        desk.turn(SESSION)
        assert "cannot be made" in desk.waveforms.failure

    run(scenario, folder)


def test_a_writer_that_dies_is_told_while_the_session_lasts(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin()
        recorder = desk.waveforms._recorder
        assert recorder is not None
        os.kill(recorder.writer_pid, signal.SIGKILL)
        recorder.join(10.0)
        desk.waveforms.cuff(READING)
        desk.turn(SESSION)
        assert "nothing takes the waveforms any more" in desk.waveforms.failure
        await desk.end()

    desk = run(scenario, tmp_path / "waveforms")
    ended = desk.rows[-1]
    assert isinstance(ended, WaveformEnded)
    assert ended.failure


def test_a_service_that_stops_ends_the_file(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.turn(SESSION)
        await desk.waveforms.close(desk.now)
        assert not desk.waveforms.busy

    desk = run(scenario, tmp_path / "waveforms")
    assert [type(row) for row in desk.rows] == [WaveformStarted, WaveformEnded]
