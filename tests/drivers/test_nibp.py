"""The host of a SunTech module against the simulated one: blood pressure, venous stasis, trouble."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import nibp
from drivers import suntech as wire
from drivers.host import Host
from drivers.nibp import NibpHost
from drivers.nibp_events import (
    BloodPressureTaken,
    CuffPressure,
    Identified,
    MeasurementFailed,
    MeasurementStarted,
    RequestLost,
    StasisEnded,
    StasisStarted,
)
from gateway.simulation.suntech import TEXT, Limb, SunTech
from tests.drivers.conformance import thorough

Kind = TypeVar("Kind")

STEP_MS = 10
ABORT = wire.encode_command(wire.ASK, wire.ABORT)
UNIT_MS = 10_000


class Bench:
    """Host and module on one wire in virtual time. What is sent arrives one step later."""

    def __init__(self, module: SunTech | None = None, host: NibpHost | None = None) -> None:
        self.module = module or SunTech()
        self.host = host or NibpHost()
        self.now_ms = 0
        self.events: list[object] = []
        self.sent: list[tuple[int, bytes]] = []
        self.highest_mmhg = 0.0
        self.cut = False
        self._on_wire = b""

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            answer = self.module.step(b"" if self.cut else self._on_wire, self.now_ms)
            self.events += self.host.receive(b"" if self.cut else answer, self.now_ms)
            self._on_wire = self.host.outgoing(self.now_ms)
            if self._on_wire:
                self.sent.append((self.now_ms, self._on_wire))
            self.highest_mmhg = max(self.highest_mmhg, self.module.mmhg)

    def run_until(self, condition: Callable[[], bool], longest_ms: int = 200_000) -> int:
        began_ms = self.now_ms
        while not condition():
            assert self.now_ms - began_ms < longest_ms, "it never happened"
            self.run(STEP_MS)
        return self.now_ms - began_ms

    def ready(self) -> "Bench":
        self.run_until(lambda: self.host.identity is not None and not self.host.aborting, 5_000)
        return self

    def heard(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    def stasis(self, duration_ms: int = 100_000, mmhg: int = 80) -> str:
        return self.host.hold_stasis(mmhg, duration_ms, self.now_ms)

    def hold_stasis(self, duration_ms: int, renewed_ms: int) -> None:
        assert self.stasis(duration_ms) == ""
        until_ms = self.now_ms + renewed_ms
        while self.now_ms < until_ms and self.host.stasis:
            self.run(200)
            if self.host.stasis:
                assert self.stasis(duration_ms) == ""


def commands(sent: list[tuple[int, bytes]]) -> list[int]:
    decoder = wire.CommandDecoder()
    return [command.code for _, data in sent for command in decoder.feed(data)]


def test_it_is_a_host() -> None:
    host: Host = NibpHost()
    assert (host.line.baudrate, host.identity, host.refusal) == (9600, None, "")


# --- identity ---------------------------------------------------------------------------------------


def test_identity_comes_first_and_then_the_air_out() -> None:
    bench = Bench().ready()
    assert [data for _, data in bench.sent[:3]] == [
        wire.encode_command(wire.MODULE_DATA),
        wire.encode_command(wire.ASK, wire.RETURN_TEXT),
        ABORT,
    ]
    assert bench.host.identity == ("SunTech Advantage OEM", "NB-000317", "LX1.05")
    assert bench.heard(Identified) == [Identified(bench.host.identity, "")]
    assert wire.MEASURE_ADULT not in commands(bench.sent)


def test_a_module_with_another_firmware_is_refused_and_left_alone() -> None:
    bench = Bench(SunTech(text=TEXT._replace(firmware="ZZ9")))
    bench.run(5_000)
    assert len(bench.sent) == 2
    assert "'ZZ9'" in bench.host.refusal
    assert bench.host.measure(bench.now_ms) == bench.host.refusal
    bench.host.abort()
    bench.run(3_000)
    assert [data for _, data in bench.sent[2:]] == [ABORT]


def test_a_site_may_name_another_firmware() -> None:
    bench = Bench(SunTech(text=TEXT._replace(firmware="ZZ9")), NibpHost(known_firmware=("ZZ",))).ready()
    assert bench.host.refusal == ""


def test_a_silent_module_is_asked_again_and_told() -> None:
    bench = Bench()
    bench.module.faults.silent = True
    bench.run(2_000)
    assert bench.heard(RequestLost) == [RequestLost("module data", 3)]
    assert bench.host.last_valid_ms is None
    assert bench.host.retries == 2
    bench.module.faults.silent = False
    bench.ready()


def test_a_module_that_measures_for_nobody_is_emptied() -> None:
    module = SunTech()
    module.step(wire.encode_command(wire.MEASURE_ADULT), 0)
    module.step(b"", 4_000)
    assert module.mmhg > 90
    bench = Bench(module)
    bench.now_ms = 4_000
    bench.ready()
    assert module.is_idle
    assert module.mmhg <= nibp.DEFLATED_MMHG


# --- blood pressure ---------------------------------------------------------------------------------


def test_a_blood_pressure_is_taken_in_half_a_minute() -> None:
    bench = Bench(SunTech(lambda now_ms: Limb(131, 74, 88))).ready()
    began_ms = bench.now_ms
    assert bench.host.measure(bench.now_ms) == ""
    took_ms = bench.run_until(lambda: not bench.host.measuring)
    assert 15_000 < took_ms < 45_000
    (taken,) = bench.heard(BloodPressureTaken)
    assert (taken.systolic_mmhg, taken.diastolic_mmhg, taken.mean_mmhg, taken.rate_bpm) == (131, 74, 93, 88)
    assert began_ms < taken.started_ms < taken.arrived_ms
    assert len(bench.heard(MeasurementStarted)) == 1
    assert commands(bench.sent).count(wire.MEASURE_ADULT) == 1
    bench.run(3_000)
    assert bench.host.measure(bench.now_ms) == ""


def test_the_cuff_is_watched_faster_while_it_is_in_use() -> None:
    bench = Bench().ready()
    bench.run(3_000)  # until the first abort is known to be heeded
    before = len(bench.heard(CuffPressure))
    bench.run(10_000)
    idle = len(bench.heard(CuffPressure)) - before
    bench.host.measure(bench.now_ms)
    bench.run(10_000)
    assert idle == pytest.approx(20, abs=3)
    assert len(bench.heard(CuffPressure)) - before - idle == pytest.approx(40, abs=3)
    assert max(reading.mmhg for reading in bench.heard(CuffPressure)) >= 155
    assert bench.host.counters.round_trip_ms == 10


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [("moving", 2, "moved"), ("leak", 87, "leak"), ("kinked", 85, "kink"), ("never_lets_go", None, "130 s")],
)
def test_what_goes_wrong_is_told_in_a_sentence(fault: str, code: int | None, word: str) -> None:
    bench = Bench().ready()
    setattr(bench.module.faults, fault, True)
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: not bench.host.measuring)
    (failed,) = bench.heard(MeasurementFailed)
    assert failed.code == code
    assert word in failed.text
    assert bench.heard(BloodPressureTaken) == []


def test_a_limb_without_a_pulse_gives_none() -> None:
    bench = Bench(SunTech(lambda now_ms: None)).ready()
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: not bench.host.measuring)
    assert bench.heard(MeasurementFailed)[0].code == 1


@pytest.mark.parametrize(
    "limb", [Limb(70, 120, 72), Limb(270, 70, 72), Limb(60, 20, 72), Limb(120, 70, 10), Limb(120, 120, 72)]
)
def test_values_that_no_person_has_are_no_blood_pressure(limb: Limb) -> None:
    bench = Bench(SunTech(lambda now_ms: limb)).ready()
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: not bench.host.measuring)
    assert bench.heard(BloodPressureTaken) == []
    assert "person" in bench.heard(MeasurementFailed)[0].text


def test_a_start_without_an_answer_is_aborted_and_not_tried_again() -> None:
    bench = Bench().ready()
    bench.module.faults.lost_ack = "O"
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: not bench.host.measuring, 1_000)
    bench.run_until(lambda: not bench.host.aborting)
    assert commands(bench.sent).count(wire.MEASURE_ADULT) == 1
    assert bench.heard(RequestLost) == [RequestLost("measure", 1)]
    assert bench.module.is_idle


def test_an_end_that_is_not_told_is_aborted_in_time() -> None:
    bench = Bench().ready()
    bench.module.faults.lost_ack = "K"
    bench.host.measure(bench.now_ms)
    took_ms = bench.run_until(lambda: not bench.host.measuring)
    assert took_ms <= nibp.MEASUREMENT_LONGEST_MS + 2_000


def test_a_busy_module_is_not_pressed() -> None:
    bench = Bench().ready()
    bench.module.faults.busy = True
    bench.host.measure(bench.now_ms)
    bench.run(500)
    assert "busy" in bench.heard(MeasurementFailed)[0].text


def test_it_is_not_used_twice_or_with_air_in_the_cuff_or_unheard() -> None:
    bench = Bench().ready()
    bench.host.measure(bench.now_ms)
    assert "busy" in bench.host.measure(bench.now_ms)
    bench.run_until(lambda: not bench.host.measuring)
    bench.run(5_000)
    bench.cut = True
    bench.run(2_500)
    assert "no cuff pressure" in bench.host.measure(bench.now_ms)
    bench.cut = False
    bench.run(5_000)
    bench.module.mmhg = 60.0
    bench.module.faults.never_lets_go = True
    bench.run(1_000)
    assert bench.host.aborting, "nobody asked for this pressure"
    assert "busy" in bench.host.measure(bench.now_ms)


# --- abort ------------------------------------------------------------------------------------------


def test_an_abort_is_the_next_frame_whatever_is_pending() -> None:
    bench = Bench().ready()
    bench.host.measure(bench.now_ms)
    bench.run_until(lambda: bench.sent[-1][1] == wire.encode_command(wire.MEASURE_ADULT), 1_000)
    bench.host.abort()
    assert bench.host.outgoing(bench.now_ms) == ABORT
    assert not bench.host.measuring


def test_an_abort_is_said_until_the_cuff_is_seen_empty() -> None:
    bench = Bench().ready()
    bench.host.measure(bench.now_ms)
    bench.run(8_000)
    bench.module.faults.ignores_abort = True
    bench.sent.clear()
    bench.host.abort()
    bench.run(2_200)
    aborts = [data for _, data in bench.sent if data == ABORT]
    assert len(aborts) == 5
    assert bench.host.aborting
    bench.module.faults.ignores_abort = False
    bench.run_until(lambda: not bench.host.aborting, 5_000)
    assert bench.module.mmhg <= nibp.DEFLATED_MMHG
    assert bench.heard(MeasurementFailed) == [MeasurementFailed("aborted")]


def test_a_reading_that_was_asked_for_before_an_abort_proves_nothing() -> None:
    bench = Bench().ready()
    ask = wire.encode_command(wire.ASK, wire.CUFF_PRESSURE)
    bench.run_until(lambda: bench.sent[-1] == (bench.now_ms, ask), 2_000)
    bench.host.abort()
    assert bench.host.outgoing(bench.now_ms + 10) == ABORT
    bench.host.receive(wire.encode_cuff_pressure(0), bench.now_ms + 10)
    assert bench.host.aborting


def test_a_module_that_falls_silent_while_measuring_is_aborted() -> None:
    bench = Bench().ready()
    bench.host.measure(bench.now_ms)
    bench.run(5_000)
    bench.module.faults.silent = True
    bench.run(3_000)
    assert "no cuff pressure" in bench.heard(MeasurementFailed)[0].text
    assert bench.sent[-1][1] == ABORT or ABORT in [data for _, data in bench.sent[-3:]]


def test_a_host_that_falls_silent_leaves_a_module_that_ends_by_itself() -> None:
    bench = Bench().ready()
    bench.host.measure(bench.now_ms)
    bench.run(5_000)
    bench.cut = True
    bench.run(60_000)
    assert bench.module.is_idle
    assert bench.module.mmhg == 0


def test_over_pressure_is_aborted() -> None:
    bench = Bench().ready()
    bench.module.faults.pumps_on = True
    bench.host.measure(bench.now_ms)
    bench.run(20_000)
    assert "at most 300" in bench.heard(MeasurementFailed)[0].text
    assert bench.highest_mmhg < 315


# --- venous stasis ----------------------------------------------------------------------------------


def test_a_stasis_is_refused_while_its_time_unit_is_unconfirmed() -> None:
    bench = Bench().ready()
    assert "unconfirmed" in bench.stasis()
    bench.run(2_000)
    assert wire.STASIS not in commands(bench.sent)


@pytest.mark.parametrize("unit_ms", [0, -1])
def test_a_time_unit_that_is_none_is_not_believed(unit_ms: int) -> None:
    with pytest.raises(ValueError, match="time unit"):
        NibpHost(confirmed_time_unit_ms=unit_ms)


def confirmed(unit_ms: int = UNIT_MS) -> Bench:
    return Bench(SunTech(time_unit_ms=UNIT_MS), NibpHost(confirmed_time_unit_ms=unit_ms)).ready()


@pytest.mark.parametrize(
    ("mmhg", "duration_ms"), [(29, 100_000), (141, 100_000), (80, 99_999), (80, 180_001), (80, 0)]
)
def test_a_stasis_that_the_module_cannot_have_is_refused(mmhg: int, duration_ms: int) -> None:
    assert "is not within" in confirmed().stasis(duration_ms, mmhg)


def test_a_unit_of_minutes_leaves_nothing_to_hold() -> None:
    bench = confirmed(60_000)
    assert "is not within" in bench.stasis(600_000)


def test_a_stasis_holds_its_pressure_and_ends_by_our_clock() -> None:
    bench = confirmed()
    bench.hold_stasis(120_000, renewed_ms=130_000)
    (started,) = bench.heard(StasisStarted)
    assert started.pressure_mmhg == 80
    assert bench.highest_mmhg == pytest.approx(80, abs=1)
    assert bench.heard(StasisEnded) == [StasisEnded("the time asked for is over")]
    bench.run(3_000)
    assert bench.module.mmhg <= nibp.DEFLATED_MMHG


def test_a_unit_that_was_confirmed_wrongly_is_ended_by_our_clock() -> None:
    """The module's unit is ten times the one in the configuration."""
    bench = confirmed(1_000)
    bench.hold_stasis(15_000, renewed_ms=15_100)
    bench.run(3_000)
    assert bench.module.mmhg <= nibp.DEFLATED_MMHG


def test_a_stasis_that_nobody_renews_ends_within_a_second() -> None:
    bench = confirmed()
    bench.hold_stasis(120_000, renewed_ms=10_000)
    bench.run(1_200)
    assert "nobody asked" in bench.heard(StasisEnded)[0].text
    bench.run(3_000)
    assert bench.module.mmhg <= nibp.DEFLATED_MMHG


def test_a_stasis_above_its_target_is_ended() -> None:
    bench = confirmed()
    bench.module.faults.pumps_on = True
    bench.hold_stasis(120_000, renewed_ms=10_000)
    assert "at most 100" in bench.heard(StasisEnded)[0].text
    assert bench.highest_mmhg < 115


def test_a_stasis_and_a_measurement_exclude_each_other() -> None:
    bench = confirmed()
    bench.hold_stasis(120_000, renewed_ms=1_000)
    assert "busy" in bench.host.measure(bench.now_ms)
    assert "busy" in bench.stasis(120_000, mmhg=60)


# --- garbage ----------------------------------------------------------------------------------------


@given(pieces=st.lists(st.binary(max_size=30), max_size=20))
@thorough
def test_it_never_raises_and_never_moves_air_on_garbage(pieces: list[bytes]) -> None:
    host, sent = NibpHost(), b""
    for at, piece in enumerate(pieces):
        host.receive(piece, at * 50)
        sent += host.outgoing(at * 50)
    assert not {wire.MEASURE_ADULT, wire.STASIS} & set(commands([(0, sent)]))


def test_answers_that_nobody_waited_for_are_counted() -> None:
    bench = Bench().ready()
    bench.run(500)
    bench.host.receive(wire.encode_ack("K") + wire.encode_return_code(bytes(3)), bench.now_ms)
    assert bench.host.unexpected >= 2
    assert not bench.host.measuring
