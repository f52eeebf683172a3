"""The core that ``bench.latency`` measures: ``python -m bench.latency_core --config FILE --pauses FILE``.

Theory of operation
-------------------
It is ``gateway.runtime.service.run_core``, scheduled as ``systemd/rvos-core.service`` does where that is
permitted, with two differences.  The only prescription is that of
``bench/latency_prescriptions``, which answers every sample with another current and which nobody shall find
in a list at a bedside.  Every pause of the garbage collector is timed; in the end the longest, in ms, and
how many there were are written to the file as JSON.
"""

import argparse
import gc
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from gateway.runtime import no_tls

no_tls.keep_out()
from gateway.runtime.service import run_core  # noqa: E402  (after what may not be loaded)
from gateway.therapy import prescription  # noqa: E402

PRESCRIPTIONS = Path(__file__).with_name("latency_prescriptions")
PRESCRIPTION = "nmes-force-latency"
PRIORITY = 20
"""``CPUSchedulingPriority`` of the unit, with the policy rr."""


class Pauses:
    """The pauses of the garbage collector."""

    def __init__(self) -> None:
        self.longest_ns = self.count = self._began_ns = 0

    def __call__(self, phase: str, told: dict[str, int]) -> None:
        """``gc.callbacks``: it begins, it ends."""
        if phase == "start":
            self._began_ns = time.perf_counter_ns()
        else:
            self.count += 1
            self.longest_ns = max(self.longest_ns, time.perf_counter_ns() - self._began_ns)


def main() -> int:
    """Run until told to stop. Pauses before the collector's view is frozen are part of the start-up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--pauses", type=Path, required=True)
    asked = parser.parse_args()
    prescription._FOLDER = PRESCRIPTIONS
    hurry(0)
    pauses = Pauses()
    _watch_from_the_freeze_on(pauses)
    try:
        return run_core(asked.config)
    finally:
        told = {"longest_ms": pauses.longest_ns / 1e6, "count": pauses.count}
        asked.pauses.write_text(json.dumps(told))


def hurry(pid: int) -> None:
    """Schedule this process (0: ourselves) as the unit does, where we may."""
    with suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(PRIORITY))


def _watch_from_the_freeze_on(pauses: Pauses) -> None:
    """``service`` freezes once, when everything has been started and nothing is served yet."""
    freeze = gc.freeze

    def frozen() -> None:
        freeze()
        gc.callbacks.append(pauses)

    gc.freeze = frozen


if __name__ == "__main__":
    sys.exit(main())
