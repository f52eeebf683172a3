"""One line for each kernel of the conformance suite: the hash of everything that it makes of its recording.

``python -m tests.dsp.bits``: what scripts/test-arm64 runs on two kinds of processor and compares.

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


def line(suite: type[KernelConformance]) -> str:
    """Name, recording, and what was made of it whole and in chunks."""
    test = suite()
    frames = np.ascontiguousarray(test.recording())
    made = [digest(test.run([size]).tobytes()) for size in (len(frames), *CHUNKS)]
    kernel = test.make(len(frames))
    begun = digest(kernel.state())
    kernel.push(frames)
    name = f"{suite.__module__.rpartition('.')[2]}.{suite.__name__}"
    return (
        f"{name} recording {digest(frames.tobytes())} begun {begun} ended {digest(kernel.state())} "
        f"made {' '.join(made)}"
    )


def main() -> int:
    """Print; a suite whose recording is not there says so."""
    for suite in suites():
        try:
            print(line(suite))
        except pytest.skip.Exception as skipped:
            print(f"{suite.__name__} skipped: {skipped}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
