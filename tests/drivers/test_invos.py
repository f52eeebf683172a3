"""INVOS PC LINK lines: the shared suite without a checksum's claims, golden lines, trust, and the host."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from drivers import invos
from drivers.host import Host, Identity
from drivers.invos_host import InvosHost
from drivers.oximetry_events import OximeterNotice, Oximetry, TissueChannel
from gateway.simulation.invos import PERIOD_MS, InvosMonitor
from gateway.simulation.oximeter import Shown
from tests.drivers.conformance import Framing

# A site's word for its own monitor: table 15's fields, for two channels. Their order is unconfirmed.
REAL_TIME = (
    *("version", "date", "time"),
    *("label-1", "rso2-1", "event-1", "status-1", "baseline-1", "auc-1", "upper-1", "lower-1"),
    *("a-1", "b-1", "c-1", "reserved-1"),
    *("label-2", "rso2-2", "event-2", "status-2", "baseline-2", "auc-2", "upper-2", "lower-2"),
    *("a-2", "b-2", "c-2", "reserved-2", "sensor-1", "sensor-2"),
)

# Built by hand from tables 14 and 15 of the manual, not recorded.
GOLDEN_HISTORY = b"1.2.34.56/1/1  05/17/31  08:30:00  65  0  0  0  72  12  3  0  0  0  0  0  95  0  21  0\n"
GOLDEN_REAL_TIME = (
    b"1.2.34.56/1/2  12/31/30  23:59:59  A  15  254  0  66  9999  95  40  0.0000  0.0000  0  0"
    b"  0  0  0  0  0  0  0  0  0.0000  0.0000  0  0  ABCDEFGH123456  0\n"
)


def trusting(columns: tuple[str, ...] = invos.CASE_HISTORY) -> invos.Decoder:
    return invos.Decoder(columns, lines_to_trust=1)


def line(percent: int = 65, **values: str) -> bytes:
    return invos.encode_line(invos.CASE_HISTORY, {"rso2-1": str(percent), **values})


SATURATION = st.none() | st.integers(15, 95).map(lambda percent: percent * 10)
EVENT = st.integers(0, 160) | st.integers(252, 254)
FOUR_TEXTS = ("", "", "", "")


class TestInvosLines(Framing):
    """No checksum, no claim about damage: only what every framing must do."""

    messages: ClassVar[st.SearchStrategy[Any]] = st.builds(
        invos.Reading,
        st.tuples(SATURATION, SATURATION, SATURATION, SATURATION),
        st.tuples(*[st.integers(0, 21)] * 4),
        st.tuples(EVENT, EVENT, EVENT, EVENT),
        st.just(FOUR_TEXTS),
        st.sampled_from(["1.2.34.56/1/1", "0.0.0.0/1/1"]),
        st.sampled_from(["05/17/31 08:30:00", "01/01/00 00:00:00"]),
        st.just(0),
    )

    def seal(self, reading: invos.Reading) -> bytes:
        date, _, time = reading.clock.partition(" ")
        values = {"version": reading.version, "date": date, "time": time}
        for index in range(invos.CHANNELS):
            saturation = reading.channels[index]
            values[f"rso2-{index + 1}"] = "0" if saturation is None else str(saturation // 10)
            values[f"status-{index + 1}"] = str(reading.status[index])
            values[f"event-{index + 1}"] = str(reading.events[index])
        return invos.encode_line(invos.CASE_HISTORY, values)

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> invos.Decoder:
        return trusting()


class TestGoldenLines:
    def test_a_case_history_line_reads_as_table_14_says(self) -> None:
        assert trusting().feed(GOLDEN_HISTORY, 7) == [
            invos.Reading(
                (650, 720, None, 950),
                (0, 3, 0, 21),
                (0, 12, 0, 0),
                FOUR_TEXTS,
                "1.2.34.56/1/1",
                "05/17/31 08:30:00",
                7,
            )
        ]

    def test_a_line_of_other_columns_reads_by_their_names(self) -> None:
        [reading] = trusting(REAL_TIME).feed(GOLDEN_REAL_TIME, 7)
        assert reading.channels == (150, None, None, None)
        assert reading.events == (254, 0, 0, 0)
        assert reading.sensors == ("ABCDEFGH123456", "", "", "")

    def test_the_encoder_writes_the_golden_lines(self) -> None:
        history = {
            "version": "1.2.34.56/1/1",
            "date": "05/17/31",
            "time": "08:30:00",
            "rso2-1": "65",
            "rso2-2": "72",
            "event-2": "12",
            "status-2": "3",
            "rso2-4": "95",
            "status-4": "21",
        }
        assert invos.encode_line(invos.CASE_HISTORY, history) == GOLDEN_HISTORY

    def test_the_case_history_has_the_columns_of_table_14(self) -> None:
        assert len(invos.CASE_HISTORY) == 19
        assert invos.CASE_HISTORY[:8] == (
            *("version", "date", "time", "rso2-1", "event-1", "status-1", "reserved-1", "rso2-2"),
        )

    def test_a_carriage_return_before_the_end_is_tolerated(self) -> None:
        assert len(trusting().feed(GOLDEN_HISTORY[:-1] + b"\r\n")) == 1


class TestNothingIsGuessed:
    def test_without_columns_nothing_is_given_out(self) -> None:
        decoder = invos.Decoder()
        assert decoder.feed(GOLDEN_HISTORY * 20) == []
        assert (decoder.refused, decoder.complaint) == (20, "no columns are configured")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"  65  ", b"  14  "),
            (b"  65  ", b"  96  "),
            (b"  65  ", b"  065  "),
            (b"  65  ", b"  -65  "),
            (b"  65  ", b"  65.0  "),
            (b"  65  ", b"  ---  "),
            (b"  65  ", b"   65  "),
            (b"  65  ", b" 65  "),
            (b"  65  ", b"    "),
            (b"  12  3", b"  161  3"),
            (b"  12  3", b"  255  3"),
            (b"  12  3", b"  12  22"),
            (b"  3  0", b"  3  1"),
            (b"05/17/31", b"17/05/31"),
            (b"05/17/31", b"2031-05-17"),
            (b"08:30:00", b"24:30:00"),
            (b"08:30:00", b"8:30:00"),
            (b"1.2.34.56/1/1", b"1.2.34/1/1"),
            (b"1.2.34.56/1/1", b"1.2.34.x/1/1"),
            (b"  21  0\n", b"  21\n"),
            (b"  21  0\n", b"  21  0  0\n"),
            (b"  21  0\n", b"  21  0  \n"),
            (b"  65  ", b"\t65  "),
            (b"  65  ", b"  \xb65  "),
        ],
    )
    def test_a_column_that_is_not_what_its_name_says_costs_the_line(self, old: bytes, new: bytes) -> None:
        decoder = trusting()
        assert GOLDEN_HISTORY.count(old) >= 1
        assert decoder.feed(GOLDEN_HISTORY.replace(old, new, 1)) == []
        assert (decoder.refused, decoder.last_valid_ms) == (1, None)
        assert decoder.complaint

    def test_the_complaint_names_the_column_and_what_is_wrong(self) -> None:
        decoder = trusting()
        decoder.feed(GOLDEN_HISTORY.replace(b"  65  ", b"  14  ", 1))
        assert decoder.complaint == "column 4 'rso2-1' is '14': neither 0 nor 15 to 95"

    def test_the_wrong_order_does_not_fit(self) -> None:
        swapped = (*invos.CASE_HISTORY[:3], "event-1", "rso2-1", *invos.CASE_HISTORY[5:])
        decoder = invos.Decoder(swapped, lines_to_trust=1)
        assert decoder.feed(GOLDEN_HISTORY)[0].channels[0] is None  # 65 passes as an event, 0 as inactive

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            (("date", "time"), "no column holds a saturation"),
            (("rso2-1", "rso2-1"), "there twice"),
            (("rso2-5",), "unknown"),
            (("RSO2-1",), "unknown"),
            (("any",) * 65, "at most 64"),
        ],
    )
    def test_columns_that_no_line_can_have_are_refused(self, columns: tuple[str, ...], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            invos.Decoder(columns)

    def test_a_column_that_nobody_knows_takes_any_word(self) -> None:
        [reading] = trusting(("any", "rso2-3", "any")).feed(b"x7;  66  ---\n")
        assert reading.channels == (None, None, 660, None)

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"rso2-1": "14"}, "cannot carry '14'"),
            ({"label-1": "A"}, "does not have"),
            ({"date": "today"}, "cannot carry"),
        ],
    )
    def test_the_encoder_refuses_what_a_line_cannot_carry(self, values: dict[str, str], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            invos.encode_line(invos.CASE_HISTORY, values)


class TestNoChecksum:
    def test_a_digit_damaged_within_its_range_passes(self) -> None:
        """The claim in full: nothing protects a line. 65 and 75 differ in one bit."""
        damaged = line(65).replace(b"  65  ", b"  75  ", 1)
        assert trusting().feed(damaged)[0].channels[0] == 750

    def test_data_come_from_the_fifth_good_line_in_a_row_on(self) -> None:
        decoder = invos.Decoder(invos.CASE_HISTORY)
        assert [len(decoder.feed(line(60 + number))) for number in range(6)] == [0, 0, 0, 0, 1, 1]
        assert (decoder.readings, decoder.waiting) == (2, 4)

    @pytest.mark.parametrize("noise", [b"\xff\xf0\n", line().replace(b"  65", b"  5", 1), b"hello\n"])
    def test_any_other_line_starts_the_count_again(self, noise: bytes) -> None:
        decoder = invos.Decoder(invos.CASE_HISTORY)
        decoder.feed(line() * 5 + noise)
        assert decoder.feed(line() * 4) == []
        assert len(decoder.feed(line())) == 1

    def test_a_version_that_changes_starts_the_count_again(self) -> None:
        decoder = invos.Decoder(invos.CASE_HISTORY)
        decoder.feed(line() * 5)
        other = line(version="1.2.34.57/1/1")
        assert decoder.feed(other * 4) == []
        assert len(decoder.feed(other)) == 1

    def test_an_endless_line_costs_itself_only(self) -> None:
        decoder = trusting()
        assert decoder.feed(b"6" * 5000 + b"\n" + line()) != []
        assert (decoder.refused, decoder.complaint) == (1, "longer than 512 bytes")


# --- the host --------------------------------------------------------------------------------------------


def shown(now_ms: int) -> Shown:
    return Shown(saturation=700 - now_ms // 1000, other=None)


def run(host: InvosHost, monitor: InvosMonitor, until_ms: int, since_ms: int = 0) -> list[object]:
    events: list[object] = []
    for now_ms in range(since_ms, until_ms, 50):
        events += host.receive(monitor.step(now_ms), now_ms)
    return events


class TestHost:
    def test_it_is_a_host(self) -> None:
        host: Host = InvosHost(invos.CASE_HISTORY)
        assert (host.line.baudrate, host.identity, host.last_valid_ms) == (9600, None, None)
        assert host.outgoing(0) == b""

    def test_readings_come_after_five_lines_with_a_notice_of_what_is_unconfirmed(self) -> None:
        host = InvosHost(invos.CASE_HISTORY)
        events = run(host, InvosMonitor(shown, invos.CASE_HISTORY), 6 * PERIOD_MS)
        assert [type(event) for event in events] == [OximeterNotice, Oximetry, Oximetry]
        assert "unconfirmed" in events[0].text
        assert "no checksum" in events[0].text
        assert events[1] == Oximetry(
            (
                TissueChannel(680),
                *(TissueChannel(None, None, ("inactive",)),) * 3,
            ),
            4 * PERIOD_MS,
            flags=("no-checksum",),
            device_clock="01/01/00 00:00:20",
        )
        assert host.identity == Identity("INVOS (PC LINK)", firmware="1.2.34.56/1/1")
        assert host.last_valid_ms == 5 * PERIOD_MS
        assert (host.counters.frames, host.counters.checksum_errors) == (6, 0)

    @pytest.mark.parametrize(
        ("percent", "flags"), [(15, ("end-of-scale",)), (16, ()), (95, ("end-of-scale",))]
    )
    def test_the_ends_of_the_scale_are_flagged(self, percent: int, flags: tuple[str, ...]) -> None:
        host = InvosHost(invos.CASE_HISTORY)
        event = host.receive(line(percent) * 5, 0)[-1]
        assert isinstance(event, Oximetry)
        assert event.channels[0] == TissueChannel(percent * 10, None, flags)

    def test_status_and_event_codes_are_passed_on(self) -> None:
        host = InvosHost(invos.CASE_HISTORY)
        event = host.receive(line(**{"status-1": "3", "event-1": "12"}) * 5, 0)[-1]
        assert isinstance(event, Oximetry)
        assert event.channels[0].flags == ("status-3", "event-12")

    def test_no_columns_are_a_refusal(self) -> None:
        assert "no columns are configured" in InvosHost(()).refusal

    def test_other_columns_than_the_monitor_sends_are_a_refusal_with_the_reason(self) -> None:
        host = InvosHost(REAL_TIME)
        monitor = InvosMonitor(shown, invos.CASE_HISTORY)
        assert run(host, monitor, 20 * PERIOD_MS) == []
        assert "10" not in host.refusal.split()[0]
        assert "has 19 columns, 29 are configured" in host.refusal

    def test_noise_and_a_monitor_that_returns(self) -> None:
        host, monitor = InvosHost(invos.CASE_HISTORY), InvosMonitor(shown, invos.CASE_HISTORY)
        run(host, monitor, 6 * PERIOD_MS)
        monitor.garbage = True
        assert run(host, monitor, 12 * PERIOD_MS, 6 * PERIOD_MS) == []
        assert "do not fit the configured columns" in host.refusal
        monitor.garbage = False
        returned = run(host, monitor, 17 * PERIOD_MS, 12 * PERIOD_MS)
        assert [type(event) for event in returned] == [Oximetry]
        assert host.refusal == ""

    def test_a_silent_monitor_is_only_old(self) -> None:
        host, monitor = InvosHost(invos.CASE_HISTORY), InvosMonitor(shown, invos.CASE_HISTORY)
        run(host, monitor, 6 * PERIOD_MS)
        monitor.silent = True
        assert run(host, monitor, 60 * PERIOD_MS, 6 * PERIOD_MS) == []
        assert (host.refusal, host.last_valid_ms) == ("", 5 * PERIOD_MS)

    def test_a_stream_without_line_ends_is_a_refusal_until_a_line_comes(self) -> None:
        host = InvosHost(invos.CASE_HISTORY)
        host.receive(b"\x80" * 2000, 0)
        assert "9600 baud" in host.refusal
        host.receive(b"\n", 0)
        assert host.refusal == ""

    def test_a_new_version_is_told(self) -> None:
        host = InvosHost(invos.CASE_HISTORY)
        host.receive(line() * 5, 0)
        told = host.receive(line(version="1.2.34.57/1/1") * 5, 1)
        assert [event.text for event in told if isinstance(event, OximeterNotice)] == [
            "INVOS PC LINK: the monitor now says version 1.2.34.57/1/1"
        ]


class TestSimulator:
    def test_it_sends_one_line_a_period_and_no_backlog(self) -> None:
        monitor = InvosMonitor(shown, invos.CASE_HISTORY)
        assert monitor.step(0).count(b"\n") == 1
        assert monitor.step(PERIOD_MS - 1) == b""
        assert monitor.step(4 * PERIOD_MS).count(b"\n") == 1
        assert monitor.step(4 * PERIOD_MS) == b""

    @pytest.mark.parametrize(
        ("permille", "text"), [(1000, b"95"), (60, b"15"), (654, b"65"), (655, b"66"), (None, b"0")]
    )
    def test_its_scale_ends_at_15_and_95(self, permille: int | None, text: bytes) -> None:
        monitor = InvosMonitor(lambda _: Shown(permille), ("rso2-1",))
        assert monitor.step(0) == text + b"\n"


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which(
        "micropython"
    )
    if micropython is None:
        pytest.skip("no micropython on this machine (its wheels are x86-64 only)")
    program = (
        "from drivers import invos, moxy, feeder\n"
        f"decoder = invos.Decoder(invos.CASE_HISTORY, 1)\n"
        f"print(decoder.feed({GOLDEN_HISTORY!r})[0].channels)\n"
        "decoder.feed(b'1  2\\n'); print(decoder.complaint)\n"
        "print(moxy.decode(b'\\xcb\\x06\\x15\\x02\\x16\\x02\\xc0\\x04\\x00').saturation)\n"
        "sender = feeder.Sender('moxy', 'AA:BB:CC:DD:EE:FF')\n"
        "said = sender.hello(1) + sender.state(1, 'ok', 2) + sender.data(b'\\xff', 3)\n"
        "print(feeder.Decoder().feed(said))\n"
    )
    ran = subprocess.run(
        [micropython, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[:3] == ["(650, 720, None, 950)", "has 2 columns, 19 are configured", "533"]
    assert "payload=b'\\xff'" in ran.stdout
