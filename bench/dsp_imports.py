"""What importing the streaming part of dsp costs: time and memory beside a bare interpreter.

Theory of operation
-------------------
Fresh interpreters are started in turn, with and without the imports; each reports the time that the imports
took and its own resident memory (``VmRSS``).  Medians of the differences.  One start before them puts files
into memory and bytecode beside them, in a folder of its own, as an installation has it; a line ``without
bytecode`` says what compiling the modules adds.  The interpreter has imported nothing yet that others would
have: looking through ``sys.path`` for the first time and the module ``math`` are in the figures.  Absolute
figures belong to the machine.

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
    "dsp.cuff_split",
    "dsp.design",
    "dsp.emg",
    "dsp.extinction",
    "dsp.filters",
    "dsp.nirs",
    "dsp.pulse",
    "dsp.pulse_responses",
    "dsp.sweep_mean",
)
"""Every face of a kernel that streams. A process that streams one thing imports one or two of them."""

ANALYSES = (
    "dsp.cuff_reading",
    "dsp.evoked",
    "dsp.fatigue",
    "dsp.fits",
    "dsp.oscillometry",
    "dsp.pulse_wave",
    "dsp.spasm",
    "dsp.traces",
)
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


def import_cost(names: tuple[str, ...] = STREAMING, starts: int = 15, *, bytecode: bool = True) -> ImportCost:
    """Medians of fresh interpreters, with and without the imports in turn."""
    _start(names, bytecode)  # so that there is bytecode and the files are in memory
    pairs = [(_start((), bytecode), _start(names, bytecode)) for _ in range(starts)]
    what = "all that streams" if names == STREAMING else ", ".join(names)
    return ImportCost(
        what if bytecode else f"{what}, without bytecode",
        statistics.median(with_[0] - bare[0] for bare, with_ in pairs),
        statistics.median(with_[1] - bare[1] for bare, with_ in pairs),
        statistics.median(with_[2] - bare[2] for bare, with_ in pairs),
        any(with_[3] for _, with_ in pairs),
    )


def import_costs(starts: int = 15) -> list[ImportCost]:
    """Of all that streams, of each face alone, and of the array module, which analyses need."""
    alone = [(name,) for name in ("array", *STREAMING, *ANALYSES)]
    both = [import_cost(STREAMING, starts, bytecode=bytecode) for bytecode in (True, False)]
    return both + [import_cost(names, starts) for names in alone]


def _start(names: tuple[str, ...], bytecode: bool) -> tuple[float, float, float, bool]:
    cache = Path(tempfile.gettempdir()) / ("rvos-bench-bytecode" if bytecode else "rvos-bench-no-bytecode")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    found = subprocess.run(
        [sys.executable, *([] if bytecode else ["-B"]), "-c", _PROGRAM.format(names=names)],
        check=True,
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPYCACHEPREFIX": str(cache)},
    ).stdout.split()
    return float(found[0]), float(found[1]), float(found[2]), found[3] == "True"
