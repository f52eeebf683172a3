"""What a person may choose about a demonstration."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``replay``: a recording for the oximeter; ``full``: the whole prescription in virtual time;
    ``seed``: of everything random; ``state``: folder for journal, picture and logs; ``as_json``: the
    received summary alone on stdout."""

    replay: Path | None = None
    full: bool = False
    seed: int = 1
    state: Path | None = None
    as_json: bool = False
