"""What ``bench.latency`` tells, from a tap that is run without a core: no time here decides anything."""

import json
import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bench.dsp_plain import NoCompiler
from bench.latency import Memory, figures, share_us
from bench.latency_bedside import Tapped, command_bytes, compiled
from bench.latency_core import PRESCRIPTION, PRESCRIPTIONS, Pauses
from bench.latency_devices import Devices
from bench.latency_vent import vent_times_ns
from drivers.hub import HubHost
from drivers.p24 import P24Host
from drivers.stimulation import Pulses
from gateway.simulation.stage import open_pty
from gateway.therapy.prescription import NmesForcePrescription, names, parse


def test_the_figures_are_shares_of_all_answers_the_late_ones_too() -> None:
    told = figures(Tapped([1_000, 3_000], [9_000], [2_000], 4, 2, 2, 1, 0, 0))
    assert told["p50_us"] == 3.0
    assert told["max_us"] == 9.0
    assert told["c_max_us"] == 2.0
    assert (told["decisions"], told["commands"], told["missed"]) == (4, 2, 2)
    assert json.loads(json.dumps(told)) == told


def test_a_measurement_without_an_answer_is_none() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        share_us([], 0.5)


def test_memory_counts_from_the_fifth_minute_on() -> None:
    memory = Memory(os.getpid())
    memory.look(299.9)
    assert memory.growth_mb is None
    memory.look(300.0)
    before_mb = memory.growth_mb
    kept = bytearray(30_000_000)
    memory.look(301.0)
    assert (before_mb, len(kept)) == (0.0, 30_000_000)
    assert memory.growth_mb is not None
    assert memory.growth_mb > 10


def test_the_prescription_answers_every_sample_and_nobody_finds_it() -> None:
    data = (PRESCRIPTIONS / f"{PRESCRIPTION}.toml").read_bytes()
    found = parse(PRESCRIPTION, data)
    assert isinstance(found, NmesForcePrescription)
    assert found.settle_ms == 0
    assert PRESCRIPTION not in names()


def test_the_longest_pause_of_the_collector_is_kept() -> None:
    pauses = Pauses()
    for _ in range(3):
        pauses("start", {})
        pauses("stop", {})
    assert pauses.count == 3
    assert pauses.longest_ns > 0


def test_every_vent_is_timed_and_is_the_first() -> None:
    vents, loops = vent_times_ns(20)
    assert len(vents) == len(loops) == 20
    assert min(loops) > 0


def test_the_devices_answer_hub_and_stimulator_and_keep_what_the_tap_says_itself() -> None:
    devices, hub, stimulator = Devices(0), HubHost(), P24Host()
    told: list[bytes] = []
    for now_ms in range(0, 2_000, 10):
        stimulator.start(Pulses(5_000, 400, 450, 1))
        for said in (b"h" + hub.outgoing(now_ms), b"s" + stimulator.outgoing(now_ms)):
            for reply in devices.step(said, now_ms):
                told.append(reply[:1])
                if reply[:1] == b"H":
                    hub.receive(reply[1:], now_ms)
                elif reply[:1] == b"S":
                    stimulator.receive(reply[1:], now_ms)
    assert hub.streaming
    assert told.count(b"G") == 1
    assert stimulator.identity is not None


def test_the_taps_packets_are_a_hubs_without_a_gap(tmp_path: Path) -> None:
    try:
        tap = compiled("latency_tap", tmp_path)
    except NoCompiler as error:
        pytest.fail(str(error))
    host, devices = HubHost(), Devices(0)
    ports = [open_pty() for _ in range(4)]
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [tap, *(str(port.master) for port in ports), str(near.fileno())]
    descriptors = (*(port.master for port in ports), near.fileno())
    with closing(near), closing(far):
        process = subprocess.Popen(
            words, pass_fds=descriptors, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        blocks = 0
        for now_ms in range(0, 100_000, 2):
            os.write(ports[0].slave, host.outgoing(now_ms))
            if not host.streaming:
                for reply in devices.step(far.recv(4096), now_ms):
                    far.send(reply)
            blocks += len(host.receive(os.read(ports[0].slave, 4096), now_ms))
            if blocks > 300:
                break
        told, _ = process.communicate("E")
    for port in ports:
        port.close()
    assert told.split()[:2] == ["decisions", "0"]
    assert (host.counters.gaps, host.counters.checksum_errors, host.invalid) == (0, 0, 0)


def test_the_relays_command_is_as_long_as_an_update() -> None:
    assert command_bytes() == 24
