"""The compiled twin of our sources: where it is, whether it is that of these sources, how workers get it.

Theory of operation
-------------------
``python -m bench.compile`` copies our packages to ``build/compiled`` and compiles the busiest modules there.
The twin is for the worker processes of ``rvos simulate`` alone: core, link and the controller always run the
sources.  Sessions are the same in both, byte for byte; a test holds them together.

A twin is *current* when its stamp is the SHA-256 of every source file, prescriptions and kernels of ``dsp``
included, and of the interpreter that it was made for.  One that is missing or stale is not used, and
``advice`` says so.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PLACE = ("build", "compiled")
TREE = ROOT.joinpath(*_PLACE)
STAMP = TREE / "sources.sha256"
PACKAGES = ("drivers", "dsp", "firmware_bridge", "gateway")
MAKERS = ("compile", "declarations", "replacing")
"""What makes the twin, in ``bench``."""
DATA = (".toml", ".so")
"""What of the packages is carried into the twin beside their sources."""


def fingerprint() -> str:
    """The SHA-256 of our sources, their names included, and of the interpreter's name and version."""
    digest = hashlib.sha256(sys.version.encode())
    for source in sources():
        digest.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def sources() -> list[Path]:
    """Every file that the twin is made from or by."""
    wanted = (".py", *DATA)
    found = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*")))
    ours = [path for path in found if path.suffix in wanted]
    makers = [ROOT / "bench" / f"{name}.py" for name in MAKERS]
    return ours + [path for path in makers if path.is_file()]


def is_current() -> bool:
    """Whether there is a twin of exactly these sources."""
    return STAMP.is_file() and STAMP.read_text().strip() == fingerprint()


def is_imported() -> bool:
    """Whether this process runs the twin: this file lies in it."""
    return ROOT.parts[-len(_PLACE) :] == _PLACE


def advice() -> str:
    """One line for who waits: empty when the twin will be used."""
    if is_current():
        return ""
    which = "no compiled bedside" if not STAMP.is_file() else "the compiled bedside is of other sources"
    return f"runs interpreted ({which}); to make it: python -m bench.compile"


@contextmanager
def imported_by_workers() -> Iterator[None]:
    """Processes that are spawned meanwhile import the twin, if it is current; this process does not.

    A spawned process begins with the import path of its parent.  Ours has loaded its own packages already.
    """
    if not is_current():
        yield
        return
    sys.path.insert(0, str(TREE))
    try:
        yield
    finally:
        sys.path.remove(str(TREE))
