"""Makes the compiled twin of our sources that the workers of ``rvos simulate`` run.

``python -m bench.compile [--jobs J]``

Theory of operation
-------------------
The packages are copied to ``build/compiled``; the modules that a turn of the simulated bedside goes through
(``BUSY``) are compiled there by Cython, each with declarations read out of its own source
(``bench.declarations``).  The others run there as they are.  A file that has not changed is not written
again, so that a second run compiles only what changed and what depends on it.

Python's integers and its rules of division stay; ``-ffp-contract=off`` keeps floats bit for bit.  The stamp
is written last: a twin that was not finished is not current (``gateway.simulation.compiled``).
"""

import argparse
import os
import shutil
import time
from pathlib import Path

from Cython.Build import cythonize  # type: ignore[import-untyped,unused-ignore]
from setuptools import Extension, setup  # type: ignore[import-untyped,unused-ignore]

from bench import declarations
from gateway.simulation.compiled import DATA, PACKAGES, ROOT, STAMP, TREE, fingerprint

_FIRMWARE = (
    "airflow board buzzer controller core debt inflation interlock lease limits presence regulator requests "
    "silence"
)
_SAFETY = (
    "adjusting alarms checks debt inflation leak limits observations readiness reasons stimulation stream "
    "stuck supervisor urgent verification"
)
_SIMULATION = (
    "air bedside body harm harm_current hearing injector links memory_board muscle oximeter plant "
    "sensors stimulator tap trial troubled"
)
_RUNTIME = (
    "admission alarm_patterns annunciator core desk gate presses recorder senses session sight "
    "state_view stimulator"
)
BUSY = (
    "bench.replacing",
    *(f"firmware_bridge.{name}" for name in ("checksums", "cuff", "ecp", "fields")),
    *(f"firmware_bridge.mcu.{name}" for name in _FIRMWARE.split()),
    *(f"drivers.{name}" for name in ("cuff", "cuff_events", "cuff_pending")),
    "gateway.model",
    *(f"gateway.safety.{name}" for name in _SAFETY.split()),
    *(f"gateway.runtime.{name}" for name in _RUNTIME.split()),
    *(f"gateway.therapy.{name}" for name in ("nmes", "nmes_loop", "rvos")),
    *(f"gateway.simulation.{name}" for name in _SIMULATION.split()),
)
_DIRECTIVES = {"language_level": 3, "annotation_typing": False, "binding": True, "nonecheck": True}
_FLAGS = ["-O1", "-g0", "-w", "-ffp-contract=off"]


def main() -> None:
    """Bring the twin up to date."""
    parser = argparse.ArgumentParser(prog="python -m bench.compile", description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many compilers at a time")
    options = parser.parse_args()
    began_s = time.monotonic()
    make(options.jobs)
    print(f"compiled {len(BUSY)} modules in {time.monotonic() - began_s:.0f} s: {TREE.relative_to(ROOT)}")


def make(jobs: int) -> None:
    """Copy, declare, compile, stamp; raises what Cython or the compiler raise."""
    made_of = fingerprint()
    STAMP.unlink(missing_ok=True)
    _copy()
    here = Path.cwd()
    os.chdir(TREE)  # names of modules are read from paths below it
    try:
        _compile(jobs)
    finally:
        os.chdir(here)
    STAMP.write_text(made_of + "\n")


def _copy() -> None:
    """Our packages as they are compiled; what is not ours any more goes."""
    busy = declarations.read({name: _source(name).read_text() for name in BUSY})
    wanted = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    wanted |= {Path("bench/__init__.py"), Path("bench/replacing.py")}
    for path in wanted:
        module = busy.get(".".join(path.with_suffix("").parts))
        text = (ROOT / path).read_text()
        _write(TREE / path, text if module is None else declarations.rewritten(module, text, busy))
        if module is not None:
            _write((TREE / path).with_suffix(".pxd"), declarations.declarations(module))
    for path in TREE.rglob("*.py"):
        if path.relative_to(TREE) not in wanted:
            path.unlink()
    for path in TREE.rglob("*.so"):
        if ".".join(path.relative_to(TREE).parts).split(".cpython")[0] not in BUSY:
            path.unlink()
    for data in (path for package in PACKAGES for path in (ROOT / package).rglob("*")):
        if data.suffix in DATA:
            _carry(data, TREE / data.relative_to(ROOT))


def _source(name: str) -> Path:
    return ROOT / Path(*name.split(".")).with_suffix(".py")


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _carry(source: Path, target: Path) -> None:
    """Prescriptions, and the kernels of dsp."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _compile(jobs: int) -> None:
    extensions = [
        Extension(name, [str(Path(*name.split(".")).with_suffix(".py"))], extra_compile_args=_FLAGS)
        for name in BUSY
    ]
    made = cythonize(  # type: ignore[no-untyped-call,unused-ignore]
        extensions, nthreads=jobs, compiler_directives=_DIRECTIVES, quiet=True, show_all_warnings=False
    )
    # setup reads the configuration of the directory that it runs in; ours stands elsewhere.
    setup(ext_modules=made, script_args=["--quiet", "build_ext", "--inplace", f"--parallel={jobs}"])


if __name__ == "__main__":
    main()
