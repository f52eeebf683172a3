"""The host of the Nonin oximeter: what it gives out, what it learns and says, what it refuses."""

import pytest

from drivers import nonin
from drivers.host import Host, Identity
from drivers.nonin_host import NoninHost
from drivers.oximetry_events import OximeterNotice, Oximetry, TissueChannel
from gateway.simulation.oximeter import Oximeter, Shown

CLOCK = "2031-05-17T08:30:00"
COVERAGE = nonin.COVERAGE_THROUGH_LABEL


def line(percent: int = 65, coverage: int = COVERAGE) -> bytes:
    return nonin.encode_line((percent * 10, None, 0, 1000), CLOCK, coverage=coverage)


def unfitting(percent: int = 65) -> bytes:
    """A line whose checksum fits no known end."""
    sent = line(percent)
    return sent[:-6] + b"%04X\r\n" % (int(sent[-6:-2], 16) ^ 0x5555)


def readings(events: list[object]) -> list[Oximetry]:
    return [event for event in events if isinstance(event, Oximetry)]


def notices(events: list[object]) -> list[str]:
    return [event.text for event in events if isinstance(event, OximeterNotice)]


def test_it_is_a_host_that_never_says_anything() -> None:
    host: Host = NoninHost()
    assert (host.line.baudrate, host.identity, host.last_valid_ms, host.refusal) == (57600, None, None, "")
    host.receive(line(), 0)
    assert host.outgoing(0) == b""


def test_a_simulated_oximeter_is_known_at_its_fifth_line_and_heard_from_then_on() -> None:
    host = NoninHost()
    oximeter = Oximeter(lambda now_ms: Shown(700 - now_ms // 100, 1000, 650))
    events: list[object] = []
    for now_ms in range(0, 7000, 50):
        events += host.receive(oximeter.step(now_ms), now_ms)
    assert [reading.arrived_ms for reading in readings(events)] == [4000, 5000, 6000]
    assert readings(events)[0].channels[:2] == (TissueChannel(660, 1200), TissueChannel(650))
    assert readings(events)[0].device_clock == "2000-01-01T00:00:04"
    assert host.identity == Identity("Nonin regional oximeter (Nonin 1)")
    assert (host.last_valid_ms, host.counters.frames, host.coverage) == (6000, 3, COVERAGE)


def test_what_was_learnt_is_told_once_with_its_certainty() -> None:
    host = NoninHost()
    told = [text for at in range(8) for text in notices(host.receive(line(), at))]
    assert len(told) == 1
    assert "up to 6 characters from the C of 'CKSUM='" in told[0]
    assert "unconfirmed" in told[0]


def test_flags_say_what_speaks_against_a_value() -> None:
    sent = nonin.encode_line(
        (650, None, 700, 710),
        CLOCK,
        "1&$*",
        signal_quality=0b0001,
        pod_communication=0b0010,
        sensor_faults=0b0100,
        device_faults=("LOW_BATT",),
        haemoglobin=(123, None, None, None),
    )
    [event] = readings(NoninHost(COVERAGE).receive(sent, 5))
    assert event.channels == (
        TissueChannel(650, 1230, ("signal-quality", "patient-alarm")),
        TissueChannel(None, None, ("pod-lost",)),
        TissueChannel(700, None, ("sensor-fault",)),
        TissueChannel(710),
    )
    assert event.flags == ("equipment-alarm", "critical-battery", "event-mark", "device:LOW_BATT")
    assert event.channels[0].haemoglobin_tenths == 123


class TestUnchecked:
    def test_data_whose_checksum_fits_nothing_are_refused(self) -> None:
        host = NoninHost()
        events = host.receive(unfitting() * 10, 0)
        assert notices(events) == [
            "Nonin 1: five lines in a row fit no known end of the checksum: data refused"
        ]
        assert readings(events) == []
        assert host.refusal.startswith("the checksum of 10 lines in a row fits none of the known ends")

    def test_unless_a_technician_says_so_and_then_every_reading_is_flagged(self) -> None:
        host = NoninHost(unchecked=True)
        told: list[str] = []
        heard: list[Oximetry] = []
        for at in range(7):
            events = host.receive(unfitting(60 + at), at)
            told += notices(events)
            heard += readings(events)
        assert [reading.channels[0].saturation_permille for reading in heard] == [640, 650, 660]
        assert all("no-checksum" in reading.flags for reading in heard)
        assert host.refusal == ""
        assert told[0].endswith("read without checksum")
        assert "WITHOUT a checksum" in told[1]
        assert len(told) == 2

    def test_a_line_that_contradicts_itself_is_not_given_out(self) -> None:
        host = NoninHost(unchecked=True)
        host.receive(unfitting() * 5, 0)
        torn = unfitting().replace(b"Ch1= 65", b"Ch1= 66")
        assert readings(host.receive(torn, 0)) == []
        assert len(readings(host.receive(unfitting(), 0))) == 1

    def test_an_end_that_fits_after_all_puts_an_end_to_it(self) -> None:
        host = NoninHost(unchecked=True)
        host.receive(unfitting() * 6, 0)
        assert readings(host.receive(line() * 4, 0)) == []
        [reading] = readings(host.receive(line(), 0))
        assert reading.flags == ()
        assert readings(host.receive(unfitting() * 20, 0)) == []
        assert host.refusal.startswith("20 lines and no good one between them")

    def test_unchecked_and_checked_in_one_piece_are_told_apart(self) -> None:
        host = NoninHost(unchecked=True)
        events = readings(host.receive(unfitting() * 6 + line() * 5, 0))
        assert [reading.flags for reading in events] == [("no-checksum",), ("no-checksum",), ()]


class TestRefusal:
    @pytest.mark.parametrize("stranger", [b"SPO2=097 HR=070\r\n", b"\xf0\x0a", line()[:-6] + b"\r\n"])
    def test_lines_of_another_kind(self, stranger: bytes) -> None:
        host = NoninHost()
        host.receive(stranger * 9, 0)
        assert host.refusal == ""
        host.receive(stranger, 0)
        assert "lines in a row were not Nonin 1" in host.refusal
        host.receive(line(), 0)
        assert host.refusal == ""

    def test_another_rate_that_makes_no_lines(self) -> None:
        host = NoninHost()
        for _ in range(20):
            host.receive(b"\x80\xfe" * 50, 0)
        assert "not 57600 baud" in host.refusal

    def test_a_configured_end_that_is_not_this_devices(self) -> None:
        host = NoninHost(coverage=0)
        assert readings(host.receive(line() * 10, 0)) == []
        assert "correct the coverage in the configuration" in host.refusal
        assert host.counters.checksum_errors == 10

    def test_single_damaged_lines_are_only_counted(self) -> None:
        host = NoninHost(COVERAGE)
        for _ in range(30):
            host.receive(line().replace(b"Ch1= 65", b"Ch1= 95") + line(), 0)
        assert (host.refusal, host.counters.checksum_errors, host.counters.frames) == ("", 30, 30)
