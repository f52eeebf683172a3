"""The samples of a session, into a file of its own beside the journal.

Theory of operation
-------------------
``Waveforms`` follows the session: when one begins it makes ``waveforms/<session>.rvw`` with the streams that
the connected devices have then, when it is over it ends the file.  Making and ending a file waits for disk
and process, so both happen in a thread; everything else is called from the cycle and the hot path and never
waits.  What the hot path brings, blocks and decisions of a loop, is only kept there and recorded with the
next turn: nobody waits for it, and a muscle waits for what comes before it.  A sample that comes before the
file is there is not in it; a device that is plugged in later is not in this session's file.

It can stop nothing.  What is lost is counted by the recorder, told in the file, in the journal's row and, as
long as the session lasts, by an alarm of low priority (``failure``).

Streams of core's own: ``cuff`` (both sensors, 20 Hz), ``oximetry`` (StO2, 1 Hz) and ``stimulation`` (the
current that is permitted, at the rate of the loop that decides it).  A missing value is the raw number
-32768.

Units: 0.1 mmHg, per mille, uA, ms.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from struct import Struct, pack
from typing import NamedTuple

from drivers.host import Block
from drivers.host import Stream as DriverStream
from gateway.model import CuffReading, Limb
from gateway.record.errors import WaveformMisused, WaveformNotWritten
from gateway.record.events import Event, WaveformEnded, WaveformStarted
from gateway.record.row import Stamp
from gateway.record.waveforms.recorder import WaveformRecorder
from gateway.record.waveforms.streams import Channel, Description, Stream

FOLDER = "waveforms"
MISSING = -32768
LEAVING_S = 10.0
"""How long the end of a file may take before its row says so."""

PAUSE_MS = 10
"""Decisions of a loop that are further apart than this do not follow each other."""

CLOCK_EVERY_MS = 10_000
"""How often the file is told what the wall clock is worth."""

_PAIR = Struct("<hh")


class Source(NamedTuple):
    """A stream of a connected device, and which device that is."""

    device: str
    serial: str
    stream: DriverStream


class Recorded(NamedTuple):
    """Whose samples these are."""

    name: str
    gateway: str
    boot: int
    limb: Limb


def own_streams(limb: Limb) -> tuple[Stream, ...]:
    """What core itself has to record."""
    cuff = tuple(
        Channel(name=name, unit="mmHg", scale=0.1, missing=MISSING, limb=limb)
        for name in ("cuff", "cuff_limit")
    )
    return (
        Stream(name="cuff_pressure", device="cuff controller", rate_hz=20.0, sample="int16", channels=cuff),
        Stream(
            name="oximetry",
            device="oximeter",
            rate_hz=1.0,
            sample="int16",
            channels=(
                Channel(name="sto2", unit="%", scale=0.1, missing=MISSING, limb=limb),
                Channel(name="sto2_other", unit="%", scale=0.1, missing=MISSING),
            ),
        ),
    )


def stimulation_stream(rate_hz: float) -> Stream:
    """The current that is permitted, once for each decision of a closed loop."""
    current = Channel(name="stimulation_current", unit="uA")
    return Stream(
        name="stimulation", device="rvos core", rate_hz=rate_hz, sample="int32", channels=(current,)
    )


def device_stream(source: Source, limb: Limb) -> Stream:
    """A driver's stream in the file's terms."""
    stream = source.stream
    channels = tuple(
        Channel(
            name=one.name, unit=one.unit, scale=one.scale, offset=one.offset, missing=one.missing, limb=limb
        )
        for one in stream.channels
    )
    return Stream(
        name=stream.name,
        device=source.device,
        serial=source.serial,
        rate_hz=stream.rate_hz,
        sample=stream.sample,  # type: ignore[arg-type]
        channels=channels,
    )


class Waveforms:
    """The file of the session that is running, if any."""

    def __init__(
        self,
        folder: Path,
        stamp: Callable[[int], Stamp],
        note: Callable[[Event, int], None],
        executor: Executor,
    ) -> None:
        self._folder, self._stamp, self._note, self._executor = folder, stamp, note, executor
        self._session = ""
        self._file = ""
        self._recorder: WaveformRecorder | None = None
        self._opening: asyncio.Future[WaveformRecorder] | None = None
        self._ending: asyncio.Future[WaveformEnded] | None = None
        self._streams: tuple[str, ...] = ()
        self.failure = ""
        self._clocked_ms = 0
        self._blocks: list[Block] = []
        self._decisions: list[int] = []
        self._since_ms = self._decided_ms = 0

    @property
    def busy(self) -> bool:
        """Whether a file is being made, written or ended."""
        return self._opening is not None or self._recorder is not None or self._ending is not None

    def turn(self, session: Recorded | None, streams: Callable[[Limb], tuple[Stream, ...]], now: int) -> None:
        """Follow the session; called with every turn of the cycle."""
        self._take_ended(now)
        self._take_opened(now)
        if session is None:
            self._session, self.failure = "", ""
            self._end()
        elif session.name != self._session and not self.busy:
            self._session, self.failure = session.name, ""
            self._begin(session, streams(session.limb), now)
        elif self._recorder is not None:
            self._look(self._recorder, now)

    def block(self, block: Block) -> None:
        """Samples of a device, as its driver gave them."""
        if self._recorder is not None:
            self._blocks.append(block)

    def cuff(self, reading: CuffReading) -> None:
        """A status of the controller."""
        if self._recorder is not None:
            pair = _PAIR.pack(_short(reading.control_dmmhg), _short(reading.limit_dmmhg))
            self._recorder.append("cuff_pressure", reading.arrived_ms, pair)

    def saturation(self, treated: int | None, other: int | None, now: int) -> None:
        """A reading of the oximeter."""
        if self._recorder is not None:
            self._recorder.append("oximetry", now, _PAIR.pack(_short(treated), _short(other)))

    def stimulation(self, current_ua: int, now: int) -> None:
        """A decision of the closed loop."""
        if self._recorder is not None:
            if not 0 <= now - self._decided_ms <= PAUSE_MS:
                self._put_decisions(self._recorder)
            if not self._decisions:
                self._since_ms = now
            self._decisions.append(current_ua)
            self._decided_ms = now

    def mark(self, text: str, now: int) -> None:
        """Something that happened."""
        if self._recorder is not None:
            self._recorder.mark(now, text)

    async def close(self, now: int) -> None:
        """End the file and wait until it has ended: the service stops."""
        await self.settled(now)
        self._end()
        await self.settled(now)

    async def settled(self, now: int) -> None:
        """Wait until the file that is being made or ended is."""
        waiting = [one for one in (self._opening, self._ending) if one is not None]
        if waiting:
            await asyncio.wait(waiting)
        self._take_opened(now)
        self._take_ended(now)

    def _begin(self, session: Recorded, streams: tuple[Stream, ...], now: int) -> None:
        stamp = self._stamp(now)
        description = Description(
            session=session.name,
            gateway=session.gateway,
            boot=session.boot,
            mono_us=now * 1000,
            wall_us=stamp.wall_ms * 1000,
            clock=stamp.clock.value,
            streams=streams,
        )
        self._file = f"{session.name}.rvw"
        self._streams = tuple(one.name for one in streams)
        loop = asyncio.get_running_loop()
        self._opening = loop.run_in_executor(
            self._executor, self._made, self._folder / self._file, description
        )

    def _made(self, path: Path, description: Description) -> WaveformRecorder:
        """In a thread: the file, and the process that writes it."""
        try:
            self._folder.mkdir(mode=0o750, exist_ok=True)
        except OSError as error:
            raise WaveformNotWritten(path, f"cannot be made ({error.strerror})") from error
        return WaveformRecorder.open(path, description)

    def _take_opened(self, now: int) -> None:
        if self._opening is None or not self._opening.done():
            return
        opened, self._opening = self._opening, None
        error = opened.exception()
        if error is None:
            self._recorder = opened.result()
            self._note(WaveformStarted(file=self._file, streams=list(self._streams)), now)
        elif isinstance(error, WaveformNotWritten | WaveformMisused):
            self.failure = str(error)
            self._note(WaveformEnded(file=self._file, size_bytes=0, lost_frames=0, failure=self.failure), now)
        else:
            raise error

    def _drain(self, recorder: WaveformRecorder) -> None:
        """Record what the hot path has brought."""
        for block in self._blocks:
            recorder.append(block.stream, block.arrived_ms, block.data, block.missing)
        self._blocks = []
        self._put_decisions(recorder)

    def _put_decisions(self, recorder: WaveformRecorder) -> None:
        if self._decisions:
            run = pack(f"<{len(self._decisions)}i", *self._decisions)
            recorder.append("stimulation", self._since_ms, run)
            self._decisions = []

    def _look(self, recorder: WaveformRecorder, now: int) -> None:
        self._drain(recorder)
        if now - self._clocked_ms >= CLOCK_EVERY_MS:
            self._clocked_ms = now
            recorder.clock(self._stamp(now))
        status = recorder.status()  # hands over what this turn has gathered
        if status.failure or status.lost:
            lost = ", ".join(f"{count} frames of {name}" for name, count in status.lost.items())
            self.failure = status.failure or lost

    def _end(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._drain(recorder)
            recorder.close("the session is over")
            loop = asyncio.get_running_loop()
            self._ending = loop.run_in_executor(self._executor, _ended, recorder, self._file)

    def _take_ended(self, now: int) -> None:
        if self._ending is not None and self._ending.done():
            ended, self._ending = self._ending, None
            self._note(ended.result(), now)


def _ended(recorder: WaveformRecorder, file: str) -> WaveformEnded:
    """In a thread: wait for the writer's end, and what it says in the end."""
    late = not recorder.join(LEAVING_S)
    status = recorder.status()
    failure = status.failure or (f"its writer has not ended within {LEAVING_S:.0f} s" if late else "")
    return WaveformEnded(
        file=file,
        size_bytes=status.safe_bytes,
        lost_frames=sum(status.lost.values()),
        failure=failure,
    )


def _short(value: int | None) -> int:
    return MISSING if value is None else max(-32767, min(32767, value))
