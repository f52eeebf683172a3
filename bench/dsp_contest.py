"""What a contest between a kernel and others is, and the rounds that it goes.

Theory of operation
-------------------
A contest makes, for one chunk length, contenders that go through the same recording: ``ours`` (called from
Python, chunk by chunk), ``python`` (the usual way, called from Python) and ``c`` (plain C, called inside C).
Before anything is timed, C must have made the same bits and Python the same numbers.  Then they run in turn,
round after round, and what counts is the median over the rounds: of the processor's time, and of the ratios
within a round, so that a machine that slows down slows all.

Where the usual way is a package that is not installed, ``python`` is its name, and the row says so.
"""

import importlib
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Contest:
    """Each contender is made anew for each round (not timed), then goes once through its chunks (timed)."""

    calls: int
    ours: Callable[[], Run]
    python: Callable[[], Run] | str | None = None
    python_calls: int = 0
    c: Callable[[], Run] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``vs_python``: how many times faster, or which package is not installed."""

    kernel: str
    chunk: int
    ns: float
    vs_python: float | str | None
    vs_c: float | None


class Disagreement(Exception):
    """Two contenders made different numbers: their times are not worth comparing."""


def package(name: str) -> Any:
    """A package of the extra ``bench``; ``None`` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def consume(push: Callable[[Any], object], chunks: Iterable[Any]) -> Run:
    """Call ``push`` with every chunk; the loop over them is not Python's."""
    return lambda: deque(map(push, chunks), maxlen=0)


def pieces(recording: Array, chunk: int) -> list[bytes]:
    """The recording in chunks of so many frames; the first axis is time."""
    return [recording[at : at + chunk].tobytes() for at in range(0, len(recording), chunk)]


def collected(kernel: Any, chunks: Iterable[Any]) -> Array:
    """Everything that a kernel with ``push`` and ``out`` writes."""
    return np.concatenate([np.array(kernel.out[: kernel.push(chunk)]) for chunk in chunks])


def same(what: str, ours: Any, other: Any, tolerance: float) -> None:
    """Raise ``Disagreement`` unless the numbers are the same (NaN where NaN), to a relative ``tolerance``."""
    if tolerance == 0.0:
        agree = np.asarray(ours).tobytes() == np.asarray(other).tobytes()
    else:
        agree = np.shape(ours) == np.shape(other)
        agree = agree and np.allclose(ours, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not agree:
        raise Disagreement(f"{what} did not make what our kernel made")


def streaming(
    chunk: int,
    recording: Array,
    ours: Callable[[], Any],
    usual: Callable[[], Callable[[bytes], Any]] | str,
    plain: Callable[[int], Array],
    tolerance: float = 1e-9,
    frames_in_python: int = 800,
) -> Contest:
    """The contest of a kernel with ``push`` and ``out``. ``usual()`` makes a function of a chunk of bytes."""
    chunks, few = pieces(recording, chunk), pieces(recording[:frames_in_python], chunk)
    made = collected(ours(), chunks)
    same("plain C", made, plain(chunk), 0.0)
    python: Callable[[], Run] | str = usual if isinstance(usual, str) else lambda: consume(usual(), few)
    if not isinstance(usual, str):
        rows = list(map(usual(), few))
        other = np.concatenate([np.asarray(row, dtype=float).ravel() for row in rows])
        same("the usual way", made[: len(other)], other, tolerance)
    return Contest(
        calls=len(chunks),
        ours=lambda: consume(ours().push, chunks),
        python=python,
        python_calls=len(few),
        c=lambda: lambda: plain(chunk),
    )


def seconds(contender: Callable[[], Run]) -> float:
    """How long the processor works on one run of a new contender, whatever else it does meanwhile."""
    run = contender()
    began = time.process_time()
    run()
    return time.process_time() - began


def measure(kernel: str, chunk: int, contest: Contest, rounds: int) -> Row:
    """Rounds in turn; medians."""
    ours, python, c = [], [], []
    usual = contest.python
    for _ in range(rounds):
        ours.append(seconds(contest.ours) / contest.calls)
        if contest.c:
            c.append(seconds(contest.c) / contest.calls)
        if usual and not isinstance(usual, str):
            python.append(seconds(usual) / contest.python_calls)
    said = f"no {usual}" if isinstance(usual, str) else None
    return Row(
        kernel,
        chunk,
        round(statistics.median(ours) * 1e9, 1),
        round(_ratio(python, ours), 1) if python else said,
        round(_ratio(ours, c), 3) if c else None,
    )


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(above, below, strict=True))
