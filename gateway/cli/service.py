"""``rvos core``, ``rvos link`` and ``rvos selftest``: the two services, and whether the cuff is fit.

Theory of operation
-------------------
The services run in the foreground until they are told to end (SIGTERM or Ctrl-C); a service manager
starts them.  They log to stderr.  ``link`` is composed here: its clock, its signals, its log.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

import gateway
from gateway.cli.conversation import carry_out
from gateway.cli.exits import RunError
from gateway.cli.options import config_option, config_path
from gateway.runtime.requests import EXIT_NOT_PERMITTED, EXIT_UNAVAILABLE, SelfTest

if TYPE_CHECKING:
    from threading import Event


@click.command()
@config_option
def core() -> None:
    """Run the service that drives the cuff and keeps the record."""
    from gateway.runtime import no_tls

    no_tls.keep_out()
    from gateway.runtime.service import run_core

    with _places_named():
        sys.exit(run_core(config_path()))


@click.command()
@config_option
def link() -> None:
    """Run the service that sends the record to the ward's broker."""
    import logging

    from gateway.config import load
    from gateway.runtime.clock import SystemClock
    from gateway.runtime.service_manager import ServiceManager
    from gateway.ward.link import run_link

    config = load(config_path())
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    manager = ServiceManager()
    with _places_named():
        run_link(
            config,
            clock=SystemClock(),
            version=gateway.__version__,
            ready=lambda: manager.ready("publishing the journal"),
            stop=_asked_to_stop(),
        )


@click.command()
@config_option
def selftest() -> None:
    """Test the cuff's two pressure sensors.

    The cuff must be deflated and no session running.
    """
    carry_out(SelfTest())


def _asked_to_stop() -> "Event":
    """An event that SIGTERM and SIGINT set."""
    import signal
    from threading import Event, Thread

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # from a thread of its own: the signal may arrive while the main thread holds the event's lock
        signal.signal(number, lambda *_: Thread(target=stop.set).start())
    return stop


@contextmanager
def _places_named() -> Iterator[None]:
    """A file or folder that cannot be used ends the service with its name. Raises RunError."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        code = EXIT_NOT_PERMITTED if isinstance(error, PermissionError) else EXIT_UNAVAILABLE
        raise RunError(
            f"{error.filename}: {error.strerror}: check this place and its rights", code
        ) from error
