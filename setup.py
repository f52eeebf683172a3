"""The compiled part of the build: every ``dsp/*.pyx`` becomes a module beside its source.

``-ffp-contract=off`` forbids fused multiply-add, so that x86-64 and aarch64 give the same bits.
Everything else about the package stands in pyproject.toml.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent


def kernels() -> list[Extension]:
    """One extension per Cython source in dsp/, named after its file."""
    return [
        Extension(
            f"dsp.{source.stem}",
            [f"dsp/{source.name}"],
            extra_compile_args=["-O2", "-ffp-contract=off"],
        )
        for source in sorted((ROOT / "dsp").glob("*.pyx"))
    ]


setup(ext_modules=cythonize(kernels(), build_dir="build", language_level=3, quiet=True))
