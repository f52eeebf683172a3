"""The P24 host against the simulated P24, in virtual time."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from drivers import p24_pulses
from drivers import sciencemode4_messages as messages
from drivers.host import Host, Identity
from drivers.p24 import NOTICE, P24Host
from drivers.stimulation import Pulses, PulsesRefused
from gateway.simulation.muscle import SILENT, Train
from gateway.simulation.p24 import P24, VERSION, Plate
from tests.drivers.p24_bench import ENERGISING, PULSES, Bench, command_of

# --- identity ------------------------------------------------------------------------------------------


def test_it_is_what_every_host_is() -> None:
    host: Host = P24Host()
    assert (host.line.baudrate, host.line.parity, host.line.stop_bits) == (3_000_000, "N", 2)
    assert "medical" in NOTICE


def test_a_stop_then_identity_and_nothing_that_energises() -> None:
    bench = Bench()
    bench.run(2_000)
    commands = bench.commands()
    assert commands[:4] == [
        messages.ML_STOP,
        messages.DEVICE_ID,
        messages.EXTENDED_VERSION,
        messages.STIMULATION_STATUS,
    ]
    assert not set(ENERGISING) & set(commands)
    assert bench.host.identity == Identity("P24", "P24-SIM-01", "2.0.0")
    assert bench.host.battery == (80, 3_900)
    assert bench.host.refusal == ""
    assert bench.is_stopped


def test_the_battery_is_asked_for_again_while_nothing_is_given() -> None:
    bench = Bench()
    bench.run(1_000)
    bench.device.plate = Plate(battery=(15, 3_300))
    bench.run(60_000)
    assert bench.host.battery == (15, 3_300)


def test_an_identity_that_comes_late_is_waited_for() -> None:
    bench = Bench()
    bench.device.faults.silent = True
    bench.run(3_000)
    assert bench.host.identity is None
    assert bench.host.last_valid_ms is None
    bench.device.faults.silent = False
    bench.run(1_000)
    assert bench.host.identity is not None


def test_a_start_before_the_identity_is_known_waits_for_it() -> None:
    bench = Bench(renew=PULSES)
    bench.run(1_000)
    commands = bench.commands()
    assert commands.index(messages.ML_INIT) > commands.index(messages.EXTENDED_VERSION)
    assert bench.is_flowing


@pytest.mark.parametrize(
    ("setup", "word"),
    [
        (lambda device: setattr(device.faults, "measures_only", True), "cannot stimulate"),
        (
            lambda device: setattr(device, "plate", Plate(version=VERSION._replace(protocol="3.2.4"))),
            "ScienceMode 3.2.4",
        ),
    ],
)
def test_what_is_no_p24_is_refused_and_sent_nothing_but_stops(
    setup: Callable[[P24], None], word: str
) -> None:
    bench = Bench()
    setup(bench.device)
    bench.renew = PULSES
    bench.run(2_000)
    assert word in bench.host.refusal
    assert bench.host.identity is not None
    refused_ms = bench.now_ms
    bench.host.stop()
    bench.host.ask()
    bench.run(2_000)
    assert set(bench.commands(refused_ms)) == {messages.ML_STOP}
    assert not set(ENERGISING[1:]) & set(bench.commands())
    assert bench.is_stopped


def test_a_device_that_knows_the_status_but_no_init_is_refused_too() -> None:
    """Whether an I24 answers the status is not known."""
    bench = Bench()
    bench.run(500)
    bench.device.faults.measures_only = True
    bench.renew = PULSES
    bench.run(1_000)
    assert "cannot stimulate" in bench.host.refusal


# --- giving pulses -------------------------------------------------------------------------------------


def test_what_is_given_is_rounded_down_and_told() -> None:
    bench = Bench()
    bench.run(500)
    bench.renew = Pulses(20_499, 300, 350, channels=0b1000_0001)
    report = bench.run(1_000)[-1]
    assert report.stimulating
    assert report.given == Pulses(20_000, 300, 344, 0b1000_0001)
    given = Train(20_000, 300, 34)
    assert bench.device.trains == (given, *[SILENT] * 6, given)


@pytest.mark.parametrize("frequency_dhz", [1, 7, 20, 333, 350, 400, 499, 500, 501, 1_000, 9_999, 10_000])
def test_no_frequency_is_higher_than_asked_and_none_lower_than_the_next(frequency_dhz: int) -> None:
    period_us = p24_pulses.period_us(frequency_dhz)
    assert period_us % messages.PERIOD_STEP_US == 0
    assert period_us * frequency_dhz >= 10_000_000
    assert (period_us - messages.PERIOD_STEP_US) * frequency_dhz < 10_000_000


@pytest.mark.parametrize("current_ua", [500, 999, 1_000, 1_499, 14_750, 129_999, 130_000])
def test_no_current_is_higher_than_asked(current_ua: int) -> None:
    given = p24_pulses.wish(PULSES._replace(current_ua=current_ua)).given
    assert 0 <= current_ua - given.current_ua < 500


def test_every_wish_is_balanced() -> None:
    """Over currents, widths, frequencies, channels and gaps: the points of each train sum to zero."""
    seen = 0
    for gap_us in (0, 10, 100):
        for current_ua in range(500, 130_001, 1_250):
            for width_us in (10, 11, 300, 500):
                for pulses in (
                    Pulses(current_ua, width_us, 350, 1),
                    Pulses(current_ua, width_us, 20, 0b1010_0101),
                ):
                    for train in p24_pulses.wish(pulses, gap_us).trains:
                        if train is None:
                            continue
                        charges = [point.duration_us * point.current_ua for point in train.points]
                        assert sum(charges) == 0
                        assert max(charges) == -min(charges) > 0
                        assert [point.duration_us for point in train.points if not point.current_ua] == (
                            [gap_us] if gap_us else []
                        )
                        seen += 1
    assert seen == 3 * 104 * 4 * 5


def test_a_gap_between_the_phases_is_a_point_without_current() -> None:
    bench = Bench(host=P24Host(interphase_gap_us=100))
    bench.started()
    update = next(packet for _, packet in bench.sent if packet.command == messages.ML_UPDATE)
    [train, *_] = messages.decode_ml_update(update.data) or [None]
    assert train is not None
    assert train.points == ((300, 20_000), (100, 0), (300, -20_000))


@pytest.mark.parametrize("gap_us", [-1, 5, 9, 4_096])
def test_a_gap_that_the_device_would_change_is_refused(gap_us: int) -> None:
    with pytest.raises(ValueError, match="gap"):
        P24Host(interphase_gap_us=gap_us)


def test_the_same_pulses_again_are_polls_and_keep_them_going() -> None:
    bench = Bench().started()
    begun_ms = bench.now_ms
    reports = bench.run(30_000)
    assert set(bench.commands(begun_ms)) == {messages.ML_CURRENT_DATA}
    assert bench.device.updates == 1
    assert (bench.device.pauses, bench.device.resumes) == (0, 0)
    assert all(report.stimulating and report.run == reports[0].run for report in reports)
    sent = [at for at, _ in bench.sent if at >= begun_ms]
    assert max(later - earlier for earlier, later in pairwise(sent)) <= 500
    assert bench.host.counters.gaps == 0


def test_other_pulses_are_an_update() -> None:
    bench = Bench().started()
    bench.renew = PULSES._replace(current_ua=25_000)
    bench.run(400)
    assert bench.device.updates == 2
    assert bench.device.trains[0].current_ua == 25_000
    assert bench.reports[-1].given == p24_pulses.wish(bench.renew).given


def test_a_start_is_an_update_at_once() -> None:
    bench = Bench().started()
    bench.run(100)
    bench.host.start(PULSES._replace(current_ua=21_000))
    assert command_of(bench.host.outgoing(bench.now_ms)) == messages.ML_UPDATE


@pytest.mark.parametrize(
    ("quantity", "pulses"),
    [
        ("current_ua", PULSES._replace(current_ua=499)),
        ("current_ua", PULSES._replace(current_ua=130_001)),
        ("current_ua", PULSES._replace(current_ua=-1)),
        ("pulse_width_us", PULSES._replace(pulse_width_us=9)),
        ("pulse_width_us", PULSES._replace(pulse_width_us=0)),
        ("pulse_width_us", PULSES._replace(pulse_width_us=4_096)),
        ("frequency_dhz", PULSES._replace(frequency_dhz=0)),
        ("frequency_dhz", PULSES._replace(frequency_dhz=10_001)),
        ("frequency_dhz", Pulses(20_000, 500, 1_250, 0xFF)),
        ("channels", PULSES._replace(channels=0)),
        ("channels", PULSES._replace(channels=256)),
    ],
)
def test_pulses_that_cannot_be_given_are_refused_and_what_was_given_ends(
    quantity: str, pulses: Pulses
) -> None:
    bench = Bench().started()
    bench.renew = None
    with pytest.raises(PulsesRefused) as refused:
        bench.host.start(pulses)
    assert refused.value.quantity == quantity
    assert not refused.value.lowest <= refused.value.asked <= refused.value.highest
    report = bench.run(300)[-1]
    assert report.result == str(refused.value)
    assert bench.is_stopped


def test_the_highest_frequency_of_a_refusal_can_be_given() -> None:
    pulses = Pulses(20_000, 500, 20_000, 0xFF)
    with pytest.raises(PulsesRefused) as refused:
        p24_pulses.wish(pulses)
    wish = p24_pulses.wish(pulses._replace(frequency_dhz=refused.value.highest))
    bench = Bench()
    bench.run(500)
    bench.renew = wish.given
    bench.run(500)
    assert bench.device.active == 0xFF
