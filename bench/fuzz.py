"""Fuzzes every codec and host with coverage guidance, and says how often and what broke.

``python -m bench.fuzz [--only NAME ...] [--seconds S] [--json]``

Theory of operation
-------------------
Each target of ``fuzz_targets`` runs in a process of its own under libFuzzer (package atheris, in the
environment that ``scripts/peers`` makes).  A row has how many inputs were tried, how many branches they
reached, and what broke, with the input.  A campaign is this command with more seconds.

Each begins with the seeds of ``fuzz_seeds`` (made anew, into a folder that is thrown away) and changes inputs
as ``fuzz_frames.Mutator`` does, so that what stands behind a checksum is reached.  ``behind`` counts the
executions whose input had a frame in it that the target accepted, ``frames`` these frames; for a host they
are instants at which it was given a sign of life.
"""

import argparse
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.fuzz_seeds import LONGEST_BYTES, plant
from bench.fuzz_targets import CODECS, HOSTS

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_TRIED = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)", re.MULTILINE)
_GRACE_S = 120


class Row(NamedTuple):
    """One target. ``broke``: what went wrong, with the input in hexadecimal; empty where nothing did.

    ``seeds``: how many inputs it began with.
    """

    target: str
    seeds: int
    executions: int
    behind: int
    frames: int
    branches: int
    broke: str


def fuzz(name: str, seconds: int) -> Row:
    """Fuzz one target for so long."""
    with tempfile.TemporaryDirectory() as scratch:
        counts, corpus, found = (Path(scratch) / part for part in ("counts", "corpus", "found"))
        corpus.mkdir()
        found.mkdir()
        seeds = plant(name, corpus)
        command = [str(PYTHON), "-m", "bench.fuzzing", name, str(counts)]
        command += [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}"]
        command += [f"-artifact_prefix={found}/", str(corpus)]
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=seconds + _GRACE_S, check=False
        )
        inputs = [path.read_bytes().hex() for path in found.iterdir()]
        behind, frames = struct.unpack("<QQ", counts.read_bytes()) if counts.exists() else (0, 0)
    told = _TRIED.findall(ran.stderr)
    tried, reached = told[-1] if told else ("0", "0")
    broke = "" if ran.returncode == 0 else _told(ran.stderr, inputs)
    return Row(name, seeds, int(tried), behind, frames, int(reached), broke)


def _told(complaint: str, inputs: list[str]) -> str:
    lines = [line for line in complaint.splitlines() if re.match(r"\s*\w*(Error|Exception)\b", line)]
    return f"{lines[0].strip() if lines else complaint.strip().splitlines()[-1]}; input {', '.join(inputs)}"


def _line(row: Row) -> str:
    counted = f"{row.executions:>9} executions {row.behind:>9} behind the checksum {row.frames:>9} frames"
    return f"{row.target:<17} {row.seeds:>3} seeds {counted} {row.branches:>5} branches  {row.broke}"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__.split("\n")[0])
    names = [*CODECS, *HOSTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not PYTHON.exists():
        print("the fuzzer is not installed: run scripts/peers", file=sys.stderr)
        return 69
    rows = []
    for name in asked.only:
        rows.append(fuzz(name, asked.seconds))
        if not asked.json:
            print(_line(rows[-1]), flush=True)
    if asked.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    return 1 if any(row.broke for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
