"""What importing the streaming part of dsp costs: time and memory beside a bare interpreter.

Theory of operation
-------------------
Fresh interpreters are started in turn, with and without the imports; each reports the time that the imports
took and its own resident memory (``VmRSS``).  Medians of the differences.  Absolute figures belong to the
machine.

Units: ms, MB (10^6 bytes).
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

STREAMING = (
    "dsp.band",
    "dsp.design",
    "dsp.emg",
    "dsp.evoked",
    "dsp.filters",
    "dsp.nirs",
    "dsp.oscillometry",
    "dsp.pulse",
)
"""Every face of a kernel that streams. A process that streams one thing imports one or two of them."""

ANALYSES = ("dsp.cuff_reading", "dsp.fatigue", "dsp.fits", "dsp.pulse_wave", "dsp.spasm", "dsp.traces")
"""What works on whole recordings."""

_PROGRAM = """
import sys, time
began, busy = time.perf_counter(), time.process_time()
for name in {names!r}: __import__(name)
took, busy = time.perf_counter() - began, time.process_time() - busy
has = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(took * 1e3, busy * 1e3, int(has["VmRSS"].split()[0]) * 1.024e-3, "numpy" in sys.modules)
"""


class ImportCost(NamedTuple):
    """Beside a bare interpreter."""

    what: str
    milliseconds: float
    processor_milliseconds: float
    """What the processor was busy with it: on a machine that does much else the better figure."""
    megabytes: float
    imports_numpy: bool

    def __str__(self) -> str:
        return (
            f"import of {self.what}: {self.milliseconds:.1f} ms "
            f"({self.processor_milliseconds:.1f} ms of the processor), {self.megabytes:.1f} MB"
        )


def import_cost(names: tuple[str, ...] = STREAMING, starts: int = 15) -> ImportCost:
    """Medians of fresh interpreters, with and without the imports in turn."""
    _start(names)  # so that there is bytecode and the files are in memory
    pairs = [(_start(()), _start(names)) for _ in range(starts)]
    return ImportCost(
        "all that streams" if names == STREAMING else ", ".join(names),
        statistics.median(with_[0] - bare[0] for bare, with_ in pairs),
        statistics.median(with_[1] - bare[1] for bare, with_ in pairs),
        statistics.median(with_[2] - bare[2] for bare, with_ in pairs),
        any(with_[3] for _, with_ in pairs),
    )


def import_costs(starts: int = 15) -> list[ImportCost]:
    """Of all that streams, of each face alone, and of the array module, which is the floor of them all."""
    alone = [(name,) for name in ("array", *STREAMING, *ANALYSES)]
    return [import_cost(names, starts) for names in (STREAMING, *alone)]


def _start(names: tuple[str, ...]) -> tuple[float, float, float, bool]:
    cache = str(Path(tempfile.gettempdir()) / "rvos-bench-bytecode")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(names=names)],
        check=True,
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPYCACHEPREFIX": cache},
    ).stdout.split()
    return float(found[0]), float(found[1]), float(found[2]), found[3] == "True"
