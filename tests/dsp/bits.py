"""One line for each kernel of the conformance suite: the hash of everything that it makes of its recording.

``python -m tests.dsp.bits``: what scripts/test-arm64 runs on two kinds of processor and compares.
``--write FOLDER`` keeps the recordings there, ``--read FOLDER`` takes them from there: sines and exponentials
of numpy differ between processors, so a recording that is made anew is another one.  ``--report``: for
people, whether all chunkings made the same and how far the kernel is from its oracle.

Theory of operation
-------------------
Every subclass of ``KernelConformance`` in ``tests/dsp/test_*.py`` is asked for its recording, its kernel is
fed in one piece and in chunks of 1, 7, 16 and 64 frames, and what was written and the state at the end are
hashed.  The hashes of the recording and of the state at the beginning (coefficients and gains, which libm has
a part in) stand beside it, so that a difference of the input is not taken for one of the kernel.
"""

import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dsp.conformance import CHUNKS, KernelConformance


def suites() -> Iterator[type[KernelConformance]]:
    """Every subclass that can be made, in the order of their names."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.dsp.{path.stem}")
        for name, found in sorted(vars(module).items()):
            if name.startswith("Test") and isinstance(found, type) and issubclass(found, KernelConformance):
                yield found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def recording_of(test: KernelConformance, way: str = "", folder: str = "") -> "np.ndarray[Any, Any]":
    """What a suite feeds its kernel: made anew, and kept if asked to, or as it was kept."""
    path = Path(folder, f"{type(test).__name__}.npy")
    if way == "--read":
        return np.asarray(np.load(path))
    frames = np.ascontiguousarray(test.recording())
    if way == "--write":
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, frames)
    return frames


def line(suite: type[KernelConformance], *where: str) -> str:
    """Name, recording, and what was made of it whole and in chunks."""
    test = suite()
    frames = np.ascontiguousarray(recording_of(test, *where))
    test.recording = lambda: frames  # type: ignore[method-assign]
    made = [digest(test.run([size]).tobytes()) for size in (len(frames), *CHUNKS)]
    kernel = test.make(len(frames))
    begun = digest(kernel.state())
    kernel.push(frames)
    name = f"{suite.__module__.rpartition('.')[2]}.{suite.__name__}"
    return (
        f"{name} recording {digest(frames.tobytes())} begun {begun} ended {digest(kernel.state())} "
        f"made {' '.join(made)}"
    )


def report(suite: type[KernelConformance]) -> str:
    """Chunks against the whole, and the largest distance from the oracle where numbers are not tiny."""
    test = suite()
    frames = np.ascontiguousarray(test.recording())
    whole = np.array(test.run([len(frames)]))
    chunked = all(test.run([size]).tobytes() == whole.tobytes() for size in CHUNKS)
    wanted = test.oracle(test.recording())
    off = np.abs(whole - wanted)
    ulps = np.nanmax(off) / np.spacing(np.nanmax(np.abs(wanted)))
    return (
        f"{suite.__name__:<32}{len(whole):>7} numbers, chunks of {', '.join(map(str, CHUNKS))}: "
        f"{'the same bits' if chunked else 'OTHER BITS'}; from the oracle {np.nanmax(off):.1e} at most, "
        f"{ulps:.2g} ulps of the largest number (stated: {test.ulps} ulps or {test.absolute:g})"
    )


def main() -> int:
    """Print; a suite whose recording is not there says so."""
    arguments = sys.argv[1:]
    for suite in suites():
        try:
            print(report(suite) if arguments == ["--report"] else line(suite, *arguments))
        except pytest.skip.Exception as skipped:
            print(f"{suite.__name__} skipped: {skipped}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
