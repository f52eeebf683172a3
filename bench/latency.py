"""How fast the closed loop is, beside a plain C relay: ``python -m bench.latency [--seconds S] [--json]``.

Theory of operation
-------------------
*The loop*: from the last byte of a sensor packet that core can read to the first byte of the command that it
leads to, over pseudo-terminals.  The core is a process as at the bedside (``bench.latency_core``), with the
whole load: a hub that sends 8 EMG channels of 2 kHz, force of 1 kHz and a pulse of 500 Hz in 500 packets a
second, and in 50 of them light of four channels (NIRS), the cuff controller's real firmware (20 Hz), an
oximeter (1 Hz), waveform recorder, journal, live feed and link.  A prescription made for this has forces
above and below the target in turns lead to another current with every packet, so that every packet inside a
contraction has to lead to an update of the stimulator, a simulated P24.  Core, tap and relay are scheduled as
core is by its unit (rr, 20), where that is permitted.

*The relay*: half a period later the same frame goes to ``latency_relay.c``, which answers with a command as
long as the update, without any arithmetic.  ``latency_tap.c`` writes and stamps both.

``missed``: packets inside a contraction without their update before the next packet, 2 ms later.  Updates
that come after that count with their time in the figures of the loop.  What is left out: the first 200 ms of
a contraction, in which the plan learns that it runs, and packets that the end of a contraction overtakes.
``c_missed`` is the same of the relay: what the kernel's workers, which carry the bytes of pseudo-terminals
and have no priority, deliver too late on a machine that has other work.  ``slips``: how often the tap itself
was kept waiting and began its schedule anew.

*The vent*: ``bench.latency_vent``; ``vent_loop_p9999_us`` is a plain loop of the same length beside it.

``rss_mb`` and ``cpu_percent`` (of one core) are those of the core process while the loop is measured;
``rss_growth_mb`` is how much more than in the fifth minute it ever had after that (null in a shorter run);
``gc_max_ms`` is the longest pause of its garbage collector from the end of its start-up on.

Units: us, ms, MB (10**6 bytes).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.latency_bedside import COUNTS, Tapped, TappedBedside
from bench.latency_vent import vent_compute_us

SEED = 1
SETTLED_S = 300.0
"""From when on memory may not grow."""
VENTS = 20_000
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="keep what the bedside writes in this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rvos-latency-") as folder:
        found = measured(asked.keep or Path(folder), asked.seconds)
    found["vent_compute_p9999_us"], found["vent_loop_p9999_us"] = vent_compute_us(VENTS)
    if asked.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:24} {value}" for name, value in found.items()))
    return 0


def measured(state_dir: Path, seconds: float) -> dict[str, float | None]:
    """One session, measured."""
    with TappedBedside(state_dir, SEED) as bedside:
        bedside.contract()
        pid = bedside.stage.process("core").pid
        memory = Memory(pid)
        cpu_s, began = _cpu_s(pid), time.monotonic()
        bedside.measure(seconds, memory.look)
        cpu_percent = 100 * (_cpu_s(pid) - cpu_s) / (time.monotonic() - began)
        rss_mb = _rss_mb(pid)
        tapped = bedside.tapped()
        bedside.stage.end("core")
        pauses = json.loads(bedside.pauses.read_text())
    return {
        **figures(tapped),
        "gc_max_ms": round(pauses["longest_ms"], 3),
        "rss_mb": round(rss_mb, 1),
        "rss_growth_mb": memory.growth_mb,
        "cpu_percent": round(cpu_percent, 1),
    }


class Memory:
    """How much memory a process has, from the fifth minute on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._settled_mb: float | None = None
        self._most_mb = 0.0

    def look(self, elapsed_s: float) -> None:
        """So much has passed."""
        if elapsed_s >= SETTLED_S:
            now_mb = _rss_mb(self._pid)
            self._settled_mb = now_mb if self._settled_mb is None else self._settled_mb
            self._most_mb = max(self._most_mb, now_mb)

    @property
    def growth_mb(self) -> float | None:
        """The most that there was, less what there was in the fifth minute; ``None`` before it."""
        return None if self._settled_mb is None else round(self._most_mb - self._settled_mb, 2)


def figures(tapped: Tapped) -> dict[str, float]:
    """The shares of both."""
    told: dict[str, float] = {}
    for prefix, times_ns in (("", tapped.loop + tapped.late), ("c_", tapped.relay)):
        for name, part in (("p50", 0.5), ("p999", 0.999), ("max", 1.0)):
            told[f"{prefix}{name}_us"] = share_us(times_ns, part)
    return {**told, **{name: getattr(tapped, name) for name in COUNTS}}


def share_us(times_ns: list[int], part: float) -> float:
    """The time that this part of all does not exceed. Raises ``ValueError`` where there is none."""
    if not times_ns:
        raise ValueError("nothing was measured: see the bedside's logs (--keep)")
    ordered = sorted(times_ns)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1000, 1)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
