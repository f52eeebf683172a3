"""Kill recordings at random moments, and time what the recorder costs core.

``python -m bench.waveforms [--kills N] [--seconds S] [--seed N] [--json]``

Theory of operation
-------------------
*Kills*: ``bench.waveform_feeder`` records the full load of sensors in real time; after a random time the
process that writes is killed (SIGKILL), every second time core with it.  ``lost_s`` is the time of the kill
less the time of the last frame that can be read, the worst of all streams.  Every frame that is read is
compared with what was written.

*Cost*: the time of one ``append`` in core while the writer runs, while it is stopped (SIGSTOP: the worst disk
that can be), and, for comparison, of one ``os.write`` of as many bytes to /dev/null in the same loop.

Ends with 0 when no kill cost more than a second and no frame was wrong, 1 otherwise.

Units: s, us.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway.record.waveforms.reader import Waveform
from tests.record.waveform_files import false_samples

ROOT = Path(__file__).parents[1]
MOST_LOST_S = 1.0
_MORE_S = 3.0


def feeder(path: Path, seconds: float, end: str) -> "subprocess.Popen[str]":
    """A core that records into ``path``."""
    words = [sys.executable, "-m", "bench.waveform_feeder", str(path), str(seconds), end]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> dict[str, float]:
    """The next line of a feeder."""
    assert process.stdout is not None
    found: dict[str, float] = json.loads(process.stdout.readline())
    return found


def killed(path: Path, after_s: float, with_core: bool) -> dict[str, object]:
    """One recording and its end."""
    process = feeder(path, after_s + _MORE_S, "close")
    first = said(process)
    time.sleep(max(0.0, first["began"] + after_s - time.monotonic()))
    os.kill(int(first["writer"]), signal.SIGKILL)
    at_s = time.monotonic() - first["began"]
    if with_core:
        process.kill()
    process.kill()
    process.communicate()
    with Waveform.open(path) as opened:
        ends_s = {one.name: one.runs[-1].end_s if one.runs else 0.0 for one in opened.tracks}
        damaged = len(opened.damaged)
    return {
        "after_s": round(at_s, 3),
        "with_core": with_core,
        "lost_s": round(max(at_s - one for one in ends_s.values()), 3),
        "damaged": damaged,
        "false_samples": false_samples(path),
    }


def kills(count: int, seconds: float, seed: int) -> list[dict[str, object]]:
    """So many kills at random moments."""
    chance, found = random.Random(seed), []
    for at in range(count):
        with tempfile.TemporaryDirectory(prefix="rvos-waveform-") as folder:
            found.append(killed(Path(folder) / "a.rvw", chance.uniform(0.3, seconds), at % 2 == 1))
    return found


def costs(seconds: float) -> dict[str, object]:
    """What an ``append`` costs, with a writer that runs and with one that stands."""
    found: dict[str, object] = {}
    for end in ("close", "stall"):
        with tempfile.TemporaryDirectory(prefix="rvos-waveform-") as folder:
            process = feeder(Path(folder) / "a.rvw", seconds, end)
            said(process)
            found[end] = said(process)
            process.communicate()
    return found


def main() -> int:
    """Run, tell, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = kills(asked.kills, asked.seconds, asked.seed)
    cost = costs(asked.seconds)
    if asked.json:
        print(json.dumps({"kills": rows, "append": cost}, indent=2))
    else:
        for one in rows:
            print("  ".join(f"{name} {value}" for name, value in one.items()))
        for name, told in cost.items():
            print(f"append, {name}: {told}")
    bad = [one for one in rows if float(str(one["lost_s"])) > MOST_LOST_S or one["false_samples"]]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
