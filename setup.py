"""The compiled part of the build: every ``dsp/*.pyx`` becomes a module beside its source.

``-ffp-contract=off`` forbids fused multiply-add, so that x86-64 and aarch64 give the same bits.  Nothing is
compiled for one processor only: the baseline runs on every x86-64 (SSE2) and every aarch64; wider vectors
are functions with an attribute of their own, chosen when the module is loaded (dsp/_widths.h).
``-fno-math-errno`` and ``-fno-trapping-math`` change no result: nobody here reads errno or the floating
point flags, and only so are square roots and comparisons vector instructions.
Everything else about the package stands in pyproject.toml.
The kernels are compiled side by side, as many at a time as the machine has processors.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
PROCESSORS = len(os.sched_getaffinity(0))

FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


def kernels() -> list[Extension]:
    """One extension per Cython source in dsp/, named after its file."""
    return [
        Extension(
            f"dsp.{source.stem}",
            [f"dsp/{source.name}"],
            depends=[f"dsp/{header.name}" for header in sorted((ROOT / "dsp").glob("*.h"))],
            include_dirs=["dsp"],
            extra_compile_args=FLAGS,
        )
        for source in sorted((ROOT / "dsp").glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(kernels(), nthreads=PROCESSORS, build_dir="build", language_level=3, quiet=True),
    options={"build_ext": {"parallel": PROCESSORS}},
)
