"""How fast the kernels of dsp/ are, beside the usual Python way and beside plain C.

``python -m bench.dsp [--json] [--only KERNEL] [--rounds N] [--lanes N]``

Needs numpy, scipy and a C compiler.

Theory of operation
-------------------
``CONTESTS`` is a table.  A contest makes, for one chunk length, contenders that go through the same
recording in chunks of that length: ``ours`` (called from Python, chunk by chunk), ``python`` (the usual way,
called from Python) and ``c`` (plain C, called inside C).  Before anything is timed, C must have made the same
bits and Python the same numbers to 1e-9.  Then they run in turn, round after round, and what counts is the
median over the rounds: of the time, and of the ratios within a round, so that a machine that slows down
slows all.

Columns: ``kernel``, ``chunk`` (frames), ``ns`` (ours, a call), ``vs_python`` (how many times faster than the
usual way), ``vs_c`` (ours over plain C: below 1 is faster).  ``null`` where there is nothing to compare with.

Another kernel is a function that returns a ``Contest`` and a line in ``CONTESTS``.
"""

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_imports import import_cost
from bench.dsp_usual import UsualEmg
from dsp.design import bandpass
from dsp.emg import WIDEST_LANES, EmgChain

ROUNDS = 15
CHUNKS = (1, 16, 64)
Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Contest:
    """Each contender is made anew for each round (not timed), then goes once through its chunks (timed)."""

    calls: int
    ours: Callable[[], Run]
    python: Callable[[], Run] | None = None
    python_calls: int = 0
    c: Callable[[], Run] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    kernel: str
    chunk: int
    ns: float
    vs_python: float | None
    vs_c: float | None


class Disagreement(Exception):
    """Two contenders made different numbers: their times are not worth comparing."""


def consume(push: Callable[[Any], object], chunks: Iterable[Any]) -> Run:
    """Call ``push`` with every chunk; the loop over them is not Python's."""
    return lambda: deque(map(push, chunks), maxlen=0)


def same(what: str, ours: Any, other: Any, tolerance: float) -> None:
    """Raise ``Disagreement`` unless the numbers are the same (NaN where NaN), to a relative ``tolerance``."""
    if tolerance == 0.0:
        agree = np.asarray(ours).tobytes() == np.asarray(other).tobytes()
    else:
        agree = np.allclose(ours, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not agree:
        raise Disagreement(f"{what} did not make what our kernel made")


# --- the EMG chain: 8 channels at 2 kHz, blocks of 10 ms, RMS over 100 ms, four sections ------------------

EMG: dict[str, Any] = {
    "channels": 8,
    "microvolts_per_count": 0.1,
    "block_frames": 20,
    "window_blocks": 10,
    "hold_blocks": 5,
    "release_blocks": 5,
    "blank_before": 2,
    "blank_after": 20,
}
EMG_THRESHOLD = 4000.0
EMG_FRAMES = 8000
EMG_FRAMES_IN_PYTHON = 800


def emg_recording(frames: int) -> "np.ndarray[Any, Any]":
    """Noise with a burst in the middle, int16 [frames][8]."""
    noise = np.random.default_rng(1).normal(0.0, 300.0, (frames, 8))
    noise[frames // 3 : frames // 2] *= 6.0
    return noise.round().clip(-32768, 32767).astype("<i2")


def emg_chain(chunk: int, lanes: int) -> Contest:
    """One stimulus in the recording, so that blanking is there; between pulses it costs a comparison."""
    recording, stimuli = emg_recording(EMG_FRAMES), [EMG_FRAMES_IN_PYTHON // 2]
    sections = bandpass(4, 20.0, 450.0, 2000.0)

    def chain() -> EmgChain:
        new = EmgChain(chunk, sections=sections, **EMG)
        new.use_lanes(lanes)
        for channel in range(8):
            new.set_threshold(channel, EMG_THRESHOLD)
        new.stimulus(stimuli[0])
        return new

    def usual() -> UsualEmg:
        return UsualEmg(EMG, np.array(sections.standard()), EMG_THRESHOLD, stimuli)

    plain = dsp_plain.PlainEmg(
        dsp_plain.library(), EMG, sections.coefficients, EMG["microvolts_per_count"] * sections.gain,
        EMG_THRESHOLD, stimuli, recording,
    )  # fmt: skip
    chunks = pieces(recording, chunk)
    few = pieces(recording[:EMG_FRAMES_IN_PYTHON], chunk)
    made = collected(chain(), chunks)
    same("plain C", made, plain.out[: plain.run(chunk)], 0.0)
    fresh = usual()
    rows = [row for piece in few for row in fresh.push(piece)]
    same("the usual way", made[: sum(map(len, rows))], np.concatenate(rows), 1e-9)
    return Contest(
        calls=len(chunks),
        ours=lambda: consume(chain().push, chunks),
        python=lambda: consume(usual().push, few),
        python_calls=len(few),
        c=lambda: lambda: plain.run(chunk),
    )


def pieces(recording: "np.ndarray[Any, Any]", chunk: int) -> list[bytes]:
    return [recording[at : at + chunk].tobytes() for at in range(0, len(recording), chunk)]


def collected(kernel: Any, chunks: Iterable[Any]) -> "np.ndarray[Any, Any]":
    """Everything that a kernel with ``push`` and ``out`` writes."""
    return np.concatenate([np.array(kernel.out[: kernel.push(chunk)]) for chunk in chunks])


CONTESTS: dict[str, tuple[Callable[[int, int], Contest], Sequence[int]]] = {"emg_chain": (emg_chain, CHUNKS)}
"""Kernel to what makes its contest, and the chunk lengths. NIRS, pulse and evoked kernels add their lines."""


# --- measuring -------------------------------------------------------------------------------------------


def seconds(contender: Callable[[], Run]) -> float:
    """How long one run of a new contender takes."""
    run = contender()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure(kernel: str, chunk: int, contest: Contest, rounds: int) -> Row:
    """Rounds in turn; medians."""
    ours, python, c = [], [], []
    for _ in range(rounds):
        ours.append(seconds(contest.ours) / contest.calls)
        if contest.c:
            c.append(seconds(contest.c) / contest.calls)
        if contest.python:
            python.append(seconds(contest.python) / contest.python_calls)
    return Row(
        kernel,
        chunk,
        round(statistics.median(ours) * 1e9, 1),
        round(_ratio(python, ours), 1) if python else None,
        round(_ratio(ours, c), 3) if c else None,
    )


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'kernel':<16}{'chunk':>6}{'ns':>12}{'vs_python':>11}{'vs_c':>8}"]
    for row in rows:
        python, c = (("-" if value is None else str(value)) for value in (row.vs_python, row.vs_c))
        lines.append(f"{row.kernel:<16}{row.chunk:>6}{row.ns:>12}{python:>11}{c:>8}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.dsp", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(CONTESTS), help="one kernel")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help=f"interleaved rounds ({ROUNDS})"
    )
    parser.add_argument("--json", action="store_true", help="a list of rows on stdout")
    parser.add_argument(
        "--lanes", type=int, default=WIDEST_LANES, help="vectors of so many doubles (the widest there are)"
    )
    options = parser.parse_args(arguments)
    chosen = {options.only: CONTESTS[options.only]} if options.only else CONTESTS
    try:
        rows = [
            measure(name, chunk, make(chunk, options.lanes), options.rounds)
            for name, (make, chunks) in chosen.items()
            for chunk in chunks
        ]
    except (Disagreement, dsp_plain.NoCompiler) as error:
        print(f"bench.dsp: {error}", file=sys.stderr)
        return 1
    if options.json:
        json.dump([asdict(row) for row in rows], sys.stdout)
    else:
        print(table(rows))
        print(import_cost())
    return 0


if __name__ == "__main__":
    sys.exit(main())
