"""The maker's client of a CPAR+, labbench-comm 0.1.3, against our simulated one over a pseudo-terminal.

Theory of operation
-------------------
The client verifies the simulator; the driver is verified against the same simulator (``test_cpar_host``).  It
is made for Python 3.12 and runs on 3.11 with that marker ignored (``scripts/peers``).  The simulated identity
is that of Inventors' Way, for the client takes no other maker.
"""

import os
import termios
import tty
from typing import Any

import pytest

from drivers import cpar_messages as wire
from gateway.simulation.cpar import IDENTITY, Cpar, lag
from tests.peers.environments import outcome, play, start

NAME = "labbench-comm"
WATCHDOG_MS = 1_300


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    device = Cpar(
        IDENTITY._replace(manufacturer=wire.INVENTORS_WAY),
        watchdog_ms=WATCHDOG_MS,
        physics=(lag(50), lag(50)),
    )
    master, slave = os.openpty()
    try:
        tty.setraw(slave, termios.TCSANOW)
        client = start(NAME, "cpar_client", os.ttyname(slave))
        play(client, device, master)
        return outcome(client)
    finally:
        os.close(master)
        os.close(slave)


def test_it_takes_our_device_for_a_cpar_plus(found: dict[str, Any]) -> None:
    assert found["compatible"]
    assert found["identity"] == ["Nocitech", "CPAR+", 1042, "1.2.3"]
    assert found["pings"][1] > found["pings"][0] > 0


def test_its_program_arrives_with_the_right_crc(found: dict[str, Any]) -> None:
    expected, actual = found["crc"]
    assert expected == actual


def test_it_sees_the_ramp_that_it_asked_for(found: dict[str, Any]) -> None:
    """0.5 s at 40 kPa/s, then 20 kPa: 1.3 s of statuses at 20 Hz."""
    assert found["samples"] == pytest.approx(26, abs=4)
    assert found["highest_target_kpa"] == pytest.approx(20, abs=0.1)
    assert found["highest_actual_kpa"] == pytest.approx(20, abs=0.5)
    assert found["supply_kpa"] == 800


def test_it_is_refused_a_program_while_one_runs_and_can_stop_it(found: dict[str, Any]) -> None:
    assert found["busy"] == "SYSTEM_NOT_IDLE_ERR"
    assert found["stop_condition"] == "STOPCOND_CONTROL_SOFTWARE"
    assert found["stopped_samples"] < 20


def test_without_its_pings_the_device_stops_by_itself(found: dict[str, Any]) -> None:
    assert found["unpinged_condition"] == "STOPCOND_COMM_WATCHDOG"
    assert found["unpinged_samples"] <= WATCHDOG_MS // 50 + 2


def test_it_followed_every_state_and_event(found: dict[str, Any]) -> None:
    assert found["states"] == ["STATE_IDLE", "STATE_STIMULATING"] * 3 + ["STATE_IDLE"]
    assert found["events"] == [
        "EVT_START_STIMULATION",
        "EVT_WAVEFORMS_COMPLETED",
        "EVT_START_STIMULATION",
        "EVT_STOP_STIMULATION",
        "EVT_START_STIMULATION",
        "EVT_COMM_WATCHDOG_TRIGGERED",
    ]
