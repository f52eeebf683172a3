"""The link as a process for tests: ``rvos link`` without its command line."""

import logging
import signal
import sys
from pathlib import Path
from threading import Event

from gateway.config import load
from gateway.runtime.clock import SystemClock
from gateway.ward.link import run_link


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config = load(Path(sys.argv[1]))
    run_link(
        config, clock=SystemClock(), version="0.1.0", ready=lambda: print("ready", flush=True), stop=stop
    )


if __name__ == "__main__":
    main()
