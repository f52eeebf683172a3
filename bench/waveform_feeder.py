"""Record the full load of sensors in real time, as core would: ``python -m bench.waveform_feeder FILE SECONDS
END``.

Theory of operation
-------------------
END says what is done in the end: ``close`` the recorder, ``leave`` (SIGKILL to ourselves), ``kill`` (SIGKILL
to the writer), ``stall`` (the writer is stopped by SIGSTOP from the beginning, and killed).  Chunks are
handed over as drivers do: 16 frames of muscle and force every 8 and 16 ms, the others as they come.  The
first line is JSON: the writer's process number and when the recording began by CLOCK_MONOTONIC; the last: how
many frames of each stream were handed over, what a call cost, the recorder's status.

Units: s, us, frames.
"""

import gc
import json
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from gateway.record.row import ClockQuality, Stamp
from gateway.record.waveforms.recorder import WaveformRecorder
from gateway.record.waveforms.streams import Stream
from tests.record import waveform_files as files

CHUNK_FRAMES = {"emg": 16, "force": 16, "ppg": 5, "cuff_status": 1, "nirs": 1}
_TICK_S = 0.004
TURN_S = 0.05
"""As often as core's cycle hands over what has gathered."""


class Source:
    """One stream and its chunks, made before they are needed."""

    def __init__(self, stream: Stream, seconds: float) -> None:
        self.stream, self.frames = stream, CHUNK_FRAMES[stream.name]
        self.period_s = self.frames / stream.rate_hz
        count = int(seconds / self.period_s) + 2
        self.chunks = [files.counted(stream, at * self.frames, self.frames) for at in range(count)]
        self.sent = 0

    def due(self, elapsed_s: float) -> bool:
        return (self.sent + 1) * self.period_s <= elapsed_s and self.sent < len(self.chunks)


def feed(path: Path, seconds: float, end: str) -> dict[str, object]:
    """Record for so long; what was handed over and what it cost."""
    recorder = WaveformRecorder.open(path, files.description(*files.FULL_LOAD))
    if end == "stall":
        os.kill(recorder.writer_pid, signal.SIGSTOP)
    recorder.clock(Stamp(3, files.BEGAN_US // 1000, files.WALL_US // 1000, ClockQuality.SYNCHRONISED))
    sources = [Source(one, seconds) for one in files.FULL_LOAD]
    costs_ns: list[int] = []
    bare_ns: list[int] = []
    null = os.open(os.devnull, os.O_WRONLY)
    gc.freeze()
    began = time.monotonic()
    print(json.dumps({"writer": recorder.writer_pid, "began": began}), flush=True)
    turned_s = 0.0
    while (elapsed_s := time.monotonic() - began) < seconds:
        for one in sources:
            while one.due(elapsed_s):
                mono_ms = files.BEGAN_US / 1000 + one.sent * one.period_s * 1000
                before = time.perf_counter_ns()
                recorder.append(one.stream.name, mono_ms, one.chunks[one.sent])
                between = time.perf_counter_ns()
                os.write(null, one.chunks[one.sent])
                bare_ns.append(time.perf_counter_ns() - between)
                costs_ns.append(between - before)
                one.sent += 1
        if elapsed_s >= turned_s + TURN_S:
            turned_s = elapsed_s
            before = time.perf_counter_ns()
            recorder.flush()
            costs_ns.append(time.perf_counter_ns() - before)
        time.sleep(_TICK_S)
    recorder.flush()
    if end in ("kill", "stall"):
        os.kill(recorder.writer_pid, signal.SIGKILL)
    if end == "close":
        recorder.close()
        recorder.join(10.0)
    os.close(null)
    return {
        "frames": {one.stream.name: one.sent * one.frames for one in sources},
        "seconds": round(time.monotonic() - began, 3),
        "calls": len(costs_ns),
        "append_us": shares(costs_ns),
        "bare_write_us": shares(bare_ns),
        "status": msgspec.to_builtins(recorder.status()),
    }


def shares(costs_ns: list[int]) -> dict[str, float]:
    """Percentiles in us."""
    ordered = sorted(costs_ns)
    parts = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999), ("max", 1.0))
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1000 for name, part in parts}


def main() -> None:
    """Run once."""
    path, seconds, end = sys.argv[1:]
    print(json.dumps(feed(Path(path), float(seconds), end)), flush=True)
    if end == "leave":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
