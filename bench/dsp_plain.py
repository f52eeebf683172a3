"""Plain C loops of the kernels, compiled when they are needed and called inside C.

Theory of operation
-------------------
``bench/dsp_plain.c`` and ``bench/plain_*.c`` are compiled with the flags that the comparison states
(-O3, on x86-64 with -march=x86-64-v2) into a library of its own; ctypes hands over a whole recording and a
chunk length once, and the loop over chunks runs in C.  ``-ffp-contract=off`` keeps the results the same bits
as the kernel's: they are compared before anything is timed.
"""

import ctypes
import functools
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = [Path(__file__).with_name("dsp_plain.c"), *sorted(Path(__file__).parent.glob("plain_*.c"))]
FLAGS = ["-O3", "-ffp-contract=off", *(["-march=x86-64-v2"] if platform.machine() == "x86_64" else [])]


class NoCompiler(Exception):
    """There is no C compiler: the comparison with C cannot be made."""


@functools.cache
def library() -> ctypes.CDLL:
    """The plain loops, compiled once in a process. Raises ``NoCompiler``."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("no C compiler: install gcc")
    with tempfile.TemporaryDirectory(prefix="rvos-bench-") as folder:
        target = str(Path(folder) / "dsp_plain.so")
        subprocess.run(
            [compiler, *FLAGS, "-shared", "-fPIC", *map(str, SOURCES), "-o", target, "-lm"], check=True
        )
        return ctypes.CDLL(target)


def called(function: Any, *arguments: "int | float | np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Call a loop; what it wrote to its last argument, as much of it as it says."""
    function.restype = ctypes.c_long
    written = function(*map(_argument, arguments))
    out = arguments[-1]
    assert isinstance(out, np.ndarray)
    return out[:written]


def _argument(given: "int | float | np.ndarray[Any, Any]") -> Any:
    if isinstance(given, np.ndarray):
        assert given.flags.c_contiguous
        return ctypes.c_void_p(given.ctypes.data)
    return ctypes.c_double(given) if isinstance(given, float) else ctypes.c_long(given)


class PlainEmg:
    """The C chain on one recording of int16 frames: ``run(chunk)`` goes through all of it."""

    def __init__(
        self,
        plain: ctypes.CDLL,
        settings: dict[str, Any],
        coefficients: Any,
        gain: float,
        threshold: float,
        stimuli: list[int],
        recording: "np.ndarray[Any, Any]",
    ) -> None:
        self._run, self._start = plain.plain_emg_run, plain.plain_emg_start
        self._run.restype = ctypes.c_long
        self._memory = ctypes.create_string_buffer(ctypes.c_long.in_dll(plain, "plain_emg_bytes").value)
        names = (
            "block_frames",
            "window_blocks",
            "hold_blocks",
            "release_blocks",
            "blank_before",
            "blank_after",
        )
        self._counts = (ctypes.c_long * 6)(*(settings[name] for name in names))
        self._numbers = (ctypes.c_double * 18)(*coefficients, gain, threshold)
        self._stimuli = (ctypes.c_int64 * max(1, len(stimuli)))(*stimuli)
        self._stimulus_count = len(stimuli)
        self._recording = np.ascontiguousarray(recording, dtype="<i2")
        blocks = len(recording) // settings["block_frames"] + 1
        self.out = np.zeros(blocks * (4 * settings["channels"] + 1))

    def run(self, chunk: int) -> int:
        """From the first frame to the last; how many numbers stand in ``out``."""
        self._start(
            self._memory, self._counts, self._numbers, ctypes.c_long(self._stimulus_count), self._stimuli
        )
        frames = ctypes.c_long(len(self._recording))
        return int(
            self._run(
                self._memory,
                ctypes.c_void_p(self._recording.ctypes.data),
                frames,
                ctypes.c_long(chunk),
                ctypes.c_void_p(self.out.ctypes.data),
            )
        )
