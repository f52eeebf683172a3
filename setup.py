"""The compiled part of the build: every ``dsp/*.pyx`` becomes a module beside its source.

``-ffp-contract=off`` forbids fused multiply-add, so that x86-64 and aarch64 give the same bits.  Nothing is
compiled for one processor only: the baseline runs on every x86-64 (SSE2) and every aarch64; wider vectors
are functions with an attribute of their own, chosen when the module is loaded (dsp/_widths.h).
``-fno-math-errno`` and ``-fno-trapping-math`` change no result: nobody here reads errno or the floating
point flags, and only so are square roots and comparisons vector instructions.
Everything else about the package stands in pyproject.toml.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent

BASE_FLAGS = ["-O2", "-ffp-contract=off"]
VECTOR_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FLAGS = {"_emg": VECTOR_FLAGS, "_filters": VECTOR_FLAGS}
"""Kernels that need other flags than ``BASE_FLAGS``."""


def kernels() -> list[Extension]:
    """One extension per Cython source in dsp/, named after its file."""
    return [
        Extension(
            f"dsp.{source.stem}",
            [f"dsp/{source.name}"],
            depends=[f"dsp/{header.name}" for header in sorted((ROOT / "dsp").glob("*.h"))],
            include_dirs=["dsp"],
            extra_compile_args=FLAGS.get(source.stem, BASE_FLAGS),
        )
        for source in sorted((ROOT / "dsp").glob("*.pyx"))
    ]


setup(ext_modules=cythonize(kernels(), build_dir="build", language_level=3, quiet=True))
