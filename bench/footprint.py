"""What core and link cost while a session runs, and how soon core is ready.

``python -m bench.footprint [--starts N] [--json]``

Theory of operation
-------------------
A live bedside runs the prescription ``demo``; resident memory and processor time of core and link are
read from /proc at the session's start and end.  Then core is stopped and started N times with a
notification socket like systemd's: the time from the fork to READY=1 counts.

Units: MB (10^6 bytes) of resident memory, per cent of one processor, s.  Absolute figures belong to the
machine that they were measured on.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway.simulation.live import LiveBedside

_NAMES = ("core", "link")
_READY_S = 30.0


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def during_a_session(bedside: LiveBedside) -> dict[str, dict[str, float]]:
    """Memory and processor share of core and link over one session."""
    pids = {name: bedside.stage.process(name).pid for name in _NAMES}
    bedside.start_session()
    began, before = time.monotonic(), {name: processor_s(pid) for name, pid in pids.items()}
    bedside.wait_until("the session has ended", lambda state: state.get("session") is None)
    elapsed = time.monotonic() - began
    return {
        name: {
            "rss_mb": round(resident_mb(pid), 1),
            "cpu_percent": round(100 * (processor_s(pid) - before[name]) / elapsed, 2),
        }
        for name, pid in pids.items()
    }


def seconds_to_ready(config: Path, folder: Path) -> float:
    """From the start of ``rvos core`` to its READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = folder / "notify.sock"
        address.unlink(missing_ok=True)
        manager.bind(str(address))
        manager.settimeout(_READY_S)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "core", "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in manager.recv(4096):
                continue
            return time.monotonic() - began
        finally:
            process.terminate()
            process.wait()


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=5, metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rvos-footprint-") as folder:
        with LiveBedside(Path(folder), seed=1) as bedside:
            found: dict[str, object] = dict(during_a_session(bedside))
            bedside.stage.end("core")
            starts = [seconds_to_ready(bedside.config, Path(folder)) for _ in range(options.starts)]
        found["ready_s"] = [round(seconds, 3) for seconds in sorted(starts)]
    json.dump(found, sys.stdout) if options.json else print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
