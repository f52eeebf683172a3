"""Fault plans come from a seed, keep the fault model, and every kind that can be given does something."""

import random

import pytest

from gateway.simulation import faults
from gateway.simulation.fault_kinds import EQUIPMENT, KINDS, Needs
from gateway.simulation.faults import UnknownFault

SPAN_MS = 45_000
PLANS = [faults.plan(random.Random(seed), faults.available(), SPAN_MS) for seed in range(3000)]


def test_the_same_seed_gives_the_same_plan() -> None:
    assert faults.plan(random.Random(7), faults.available(), SPAN_MS) == PLANS[7]
    assert len(set(map(repr, PLANS))) > 2800


def test_a_plan_is_one_to_three_faults_in_order_of_time_within_the_session() -> None:
    assert {len(plan) for plan in PLANS} == {1, 2, 3}
    for plan in PLANS:
        assert [fault.at_ms for fault in plan] == sorted(fault.at_ms for fault in plan)
        assert all(0 <= fault.at_ms < SPAN_MS and fault.for_ms > 0 for fault in plan)


def test_equipment_and_body_fail_once_at_most() -> None:
    for plan in PLANS:
        kinds = [fault.kind for fault in plan]
        assert len(set(kinds)) == len(kinds)
        assert sum(KINDS[kind].family in EQUIPMENT for kind in kinds) <= 1


def test_every_kind_is_drawn_and_only_those_that_can_be_given() -> None:
    assert {fault.kind for plan in PLANS for fault in plan} == set(faults.available())


def test_what_is_there_from_the_start_is() -> None:
    first = [fault for plan in PLANS for fault in plan if KINDS[fault.kind].from_the_start]
    assert first
    assert all(fault.at_ms == 0 for fault in first)


def test_names() -> None:
    assert faults.chosen("all") == faults.available()
    assert faults.chosen("none") == []
    assert faults.chosen("leak, core_killed") == ["leak", "core_killed"]
    for words in ("leek", "", "broker", "leak,leek"):
        with pytest.raises(UnknownFault, match="choose all, none or of: frames_split"):
            faults.chosen(words)


def test_no_names_no_faults() -> None:
    assert faults.plan(random.Random(1), [], SPAN_MS) == ()


def test_a_session_gets_only_what_means_something_to_it() -> None:
    occludes, stimulates = (
        set(faults.fitting(faults.available(), uses)) for uses in (Needs.CUFF, Needs.STIMULATOR)
    )
    assert occludes | stimulates == set(faults.available())
    assert {"leak", "probe_off"} <= occludes - stimulates
    assert {"electrode_peels", "stimulator_restarts"} <= stimulates - occludes
    assert {"core_killed", "sensor_missing", "pump_stuck_on"} <= occludes & stimulates


def test_what_only_a_stimulation_can_have_is_drawn_more_often() -> None:
    names = faults.fitting(faults.available(), Needs.STIMULATOR)
    plans = [faults.plan(random.Random(seed), names, SPAN_MS) for seed in range(1_000)]
    of_stimulator = [plan for plan in plans if any(KINDS[one.kind].needs is Needs.STIMULATOR for one in plan)]
    assert 400 < len(of_stimulator) < 600


def test_half_of_the_faults_happen_while_something_is_energised() -> None:
    plans = [faults.plan(random.Random(seed), ["leak"], SPAN_MS, [(1_000, 1_100)]) for seed in range(1_000)]
    inside = [fault for plan in plans for fault in plan if 1_000 <= fault.at_ms < 1_100]
    assert 450 < len(inside) < 550


def test_the_listing_names_every_kind() -> None:
    assert len(faults.listing().splitlines()) == len(KINDS)


def test_the_issue_s_kinds_are_all_there() -> None:
    """The words of the issue's paragraph on simulation, against the table."""
    wanted = (
        *("frames_split", "frames_dropped", "frames_duplicated", "frames_corrupted", "frames_delayed"),
        *("line_noise", "port_vanishes", "device_reboots", "device_reset_loop", "device_wrong_version"),
        *("device_wrong_limits", "sensor_frozen", "sensor_offset", "sensors_offset_alike"),
        *("sensor_zeroed_under_pressure", "sensor_noisy", "sensor_spiking", "device_clock_jumps"),
        *("lumen_blocked", "dump_stuck_open", "dump_stuck_closed", "pump_stuck_on", "leak", "hose_kinked"),
        *("cuff_off", "systolic_changes", "occlusion_pressure_high", "probe_on_other_limb"),
        *("probe_above_cuff", "electrode_peels", "electrode_peels_unseen", "stimulator_restarts"),
        *("wall_clock_steps", "power_lost", "core_stalls", "device_stalls", "disk_full", "disk_slow"),
        *("disk_fails", "broker_down", "broker_slow", "broker_half_open", "gateway_exchanged"),
        *("nobody_answers", "operator_stops"),
    )
    assert set(wanted) <= set(KINDS)
