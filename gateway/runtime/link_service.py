"""``rvos link``: the composition root of the link process.

Theory of operation
-------------------
Configuration, clock and signals for ``gateway.ward.link``.  SIGTERM and SIGINT ask it to say goodbye.
The link has the network, reads the journal and the feed, and can reach nothing that moves.
"""

import logging
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

import gateway
from gateway.config import load
from gateway.runtime.clock import SystemClock
from gateway.runtime.service_manager import ServiceManager
from gateway.ward.link import run_link


def run(config_path: Path) -> int:
    """Publish until SIGTERM or SIGINT. Raises ``ConfigError`` and the ward's and record's errors."""
    config = load(config_path)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    stop, manager = Event(), ServiceManager()

    def asked_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_stop)

    def ready() -> None:
        manager.ready("publishing")
        logging.getLogger("rvos.link").info("ready")

    run_link(config, clock=SystemClock(), version=gateway.__version__, ready=ready, stop=stop)
    manager.close()
    return 0
