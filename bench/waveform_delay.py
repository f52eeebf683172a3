"""What a waveform recorder costs a loop that must be on time: none, a process, or a thread of the same.

``python -m bench.waveform_delay [--seconds S]``

Theory of operation
-------------------
A loop computes for about 50 us every 2 ms, as core does between a sample and its command, and hands the
full load of sensors to the recorder meanwhile. Told is how long the computation took (it does the same each
time) and how long an ``append`` took. The thread runs the product's own writer in this process: it is what
the product does not do.

Units: us.
"""

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.waveform_feeder import TURN_S, Source, shares
from gateway.record.waveforms import process, recorder
from gateway.record.waveforms.recorder import WaveformRecorder
from tests.record import waveform_files as files

PERIOD_S = 0.002
_ROUNDS = 600
WAYS = ("none", "process", "thread")


def on_a_thread(source: int, status: int, file: int, least_room_bytes: int) -> Any:
    """The writer beside the loop instead of in a process of its own."""
    own = [os.dup(one) for one in (source, status, file)]
    os.set_blocking(own[0], False)
    words = (*own, least_room_bytes)
    writer = threading.Thread(target=process.run, args=words, daemon=True)
    writer.start()
    return SimpleNamespace(pid=0, wait=writer.join)


def compute() -> int:
    """The same each time."""
    return sum(at * at for at in range(_ROUNDS))


def measure(way: str, seconds: float, path: Path) -> dict[str, dict[str, float]]:
    """One run."""
    made = None if way == "none" else WaveformRecorder.open(path, files.description(*files.FULL_LOAD))
    sources = [Source(one, seconds) for one in files.FULL_LOAD]
    gc.freeze()
    computed, appended = list[int](), list[int]()
    began = due = time.monotonic()
    turned_s = 0.0
    while (elapsed_s := time.monotonic() - began) < seconds:
        before = time.perf_counter_ns()
        compute()
        computed.append(time.perf_counter_ns() - before)
        for one in sources:
            while one.due(elapsed_s):
                at_ms = files.BEGAN_US / 1000 + one.sent * one.period_s * 1000
                before = time.perf_counter_ns()
                if made is not None:
                    made.append(one.stream.name, at_ms, one.chunks[one.sent])
                appended.append(time.perf_counter_ns() - before)
                one.sent += 1
        if made is not None and elapsed_s >= turned_s + TURN_S:
            turned_s = elapsed_s
            made.flush()
        due += PERIOD_S
        time.sleep(max(0.0, due - time.monotonic()))
    if made is not None:
        made.close()
        made.join(10.0)
    return {"computation": shares(computed), "append": shares(appended)}


def main() -> int:
    """Each way once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=15.0)
    seconds = parser.parse_args().seconds
    started = recorder._started
    for way in WAYS:
        recorder._started = on_a_thread if way == "thread" else started
        with tempfile.TemporaryDirectory(prefix="rvos-waveform-") as folder:
            for what, told in measure(way, seconds, Path(folder) / "a.rvw").items():
                print(f"{way:8} {what:12}", "  ".join(f"{name} {one:.1f}" for name, one in told.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
