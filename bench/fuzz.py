"""Fuzzes every codec and host with coverage guidance, and says how often and what broke.

``python -m bench.fuzz [--only NAME ...] [--seconds S] [--json]``

Theory of operation
-------------------
Each target of ``fuzz_targets`` runs in a process of its own under libFuzzer (package atheris, in the
environment that ``scripts/peers`` makes).  A row has how many inputs were tried, how many branches they
reached, and what broke, with the input.  A campaign is this command with more seconds.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.fuzz_targets import CODECS, HOSTS

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_TRIED = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)", re.MULTILINE)
_GRACE_S = 120
_LONGEST_BYTES = 512


class Row(NamedTuple):
    """One target. ``broke``: what went wrong, with the input in hexadecimal; empty where nothing did."""

    target: str
    executions: int
    branches: int
    broke: str


def fuzz(name: str, seconds: int) -> Row:
    """Fuzz one target for so long."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(PYTHON), "-m", "bench.fuzzing", name]
        command += [f"-max_total_time={seconds}", f"-max_len={_LONGEST_BYTES}", f"-artifact_prefix={folder}/"]
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=seconds + _GRACE_S, check=False
        )
        inputs = [path.read_bytes().hex() for path in Path(folder).iterdir()]
    counts = _TRIED.findall(ran.stderr)
    tried, reached = counts[-1] if counts else ("0", "0")
    return Row(name, int(tried), int(reached), "" if ran.returncode == 0 else _told(ran.stderr, inputs))


def _told(complaint: str, inputs: list[str]) -> str:
    lines = [line for line in complaint.splitlines() if re.match(r"\s*\w*(Error|Exception)\b", line)]
    return f"{lines[0].strip() if lines else complaint.strip().splitlines()[-1]}; input {', '.join(inputs)}"


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
    rows = [fuzz(name, asked.seconds) for name in asked.only]
    if asked.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        for row in rows:
            print(f"{row.target:<20} {row.executions:>10} executions {row.branches:>6} branches  {row.broke}")
    return 1 if any(row.broke for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
