"""Moxy: notifications and ANT+ pages byte by byte, and the host behind a simulated feeder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import feeder, moxy
from drivers.host import Host, Identity
from drivers.moxy_host import FeederClock, MoxyHost
from drivers.oximetry_events import OximeterNotice, Oximetry, TissueChannel
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.oximeter import Shown

ADDRESS = "C0:FF:EE:00:11:22"

# Five consecutive notifications of a real monitor, published with dvmarinoff/Auuki's reader.
RECORDED = [
    ("CB 06 15 02 16 02 C0 04 00", (1739, 533, 534, 1216)),
    ("CC 06 12 02 12 02 C1 04 00", (1740, 530, 530, 1217)),
    ("CD 06 12 02 12 02 C1 04 00", (1741, 530, 530, 1217)),
    ("CE 06 13 02 12 02 C1 04 00", (1742, 531, 530, 1217)),
    ("CF 06 14 02 13 02 C1 04 00", (1743, 532, 531, 1217)),
]


class TestNotification:
    @pytest.mark.parametrize(("golden", "values"), RECORDED)
    def test_a_recorded_notification_reads_as_its_source_says(
        self, golden: str, values: tuple[int, int, int, int]
    ) -> None:
        counter, saturation, previous, haemoglobin = values
        read = moxy.decode(bytes.fromhex(golden))
        assert read == moxy.Measurement(counter, saturation, previous, haemoglobin, "", False)
        assert moxy.encode(*values) == bytes.fromhex(golden)

    def test_previous_is_not_what_the_notification_before_said(self) -> None:
        """Why loss is seen by the counter and nothing else."""
        first, second = (moxy.decode(bytes.fromhex(golden)) for golden, _ in RECORDED[:2])
        assert second.counter == first.counter + 1
        assert second.previous != first.saturation

    @pytest.mark.parametrize(
        ("saturation", "haemoglobin", "expected"),
        [
            (0, 1200, (0, 1200, "")),
            (1000, 4000, (1000, 4000, "")),
            (1001, 1200, (None, 1200, "out-of-range")),
            (1022, 1200, (None, 1200, "ambient-light")),
            (1023, 1200, (None, 1200, "invalid")),
            (0xFFFF, 0xFFFF, (None, None, "out-of-range")),
            (533, 0, (None, None, "no-haemoglobin")),
            (533, 4001, (None, None, "out-of-range")),
            (533, 0xFFE, (None, None, "ambient-light")),
            (533, 0xFFF, (None, None, "invalid")),
        ],
    )
    def test_what_cannot_be_is_no_value_with_a_reason(
        self, saturation: int, haemoglobin: int, expected: tuple[int | None, int | None, str]
    ) -> None:
        read = moxy.decode(moxy.encode(1, saturation, 530, haemoglobin))
        assert (read.saturation, read.haemoglobin, read.reason) == expected

    def test_the_monitor_may_ask_for_the_time(self) -> None:
        assert moxy.decode(moxy.encode(1, 2, 3, 4, wants_time=True)).wants_time

    @given(st.binary(max_size=20))
    def test_any_bytes_are_a_measurement_or_nothing(self, payload: bytes) -> None:
        read = moxy.decode(payload)
        assert (read is not None) == (len(payload) == 9 and payload[8] < 2)

    def test_the_encoder_refuses_more_than_16_bits(self) -> None:
        with pytest.raises(ValueError, match="16 bits"):
            moxy.encode(0x10000, 1, 1, 1)


class TestAntPage:
    """The test bytes of SmallEarthTech's AntPlus, put together so that each page has a haemoglobin."""

    @pytest.mark.parametrize(
        ("page", "expected"),
        [
            ("01 03 00 00 D0 07 00 32", (3, 200, 0, 2000, "", False)),
            ("01 03 00 00 D0 87 0C 00", (3, 0, 200, 2000, "", False)),
            ("01 01 01 00 D0 07 C0 FF", (1, None, 0, 2000, "invalid", True)),
            ("01 02 00 00 D0 07 80 FF", (2, None, 0, 2000, "ambient-light", False)),
            ("01 01 00 00 D0 F7 3F 32", (1, 200, None, 2000, "", False)),
            ("01 01 00 00 FF 0F 00 32", (1, None, 0, None, "invalid", False)),
            ("01 02 00 00 FE 0F 00 32", (2, None, 0, None, "ambient-light", False)),
        ],
    )
    def test_golden_pages(self, page: str, expected: tuple[object, ...]) -> None:
        assert moxy.decode_ant_page(bytes.fromhex(page)) == moxy.Measurement(*expected)

    @pytest.mark.parametrize("page", ["50 03 00 00 D0 07 00 32", "01 03 00 00 D0 07 00", ""])
    def test_other_pages_are_none(self, page: str) -> None:
        assert moxy.decode_ant_page(bytes.fromhex(page)) is None


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (7, 8, 1),
        (7, 7, 0),
        (7, 12, 5),
        (0x7FFF, 0, 1),
        (0xFFFF, 0, 1),
        (0x7FFF, 0x8000, 1),
        (9, 8, None),
        (1739, 1, None),
        (0, 1025, None),
    ],
)
def test_steps_of_the_counter_whatever_its_width(before: int, after: int, steps: int | None) -> None:
    assert moxy.steps_between(before, after) == steps


# --- the host --------------------------------------------------------------------------------------------


def shown(now_ms: int) -> Shown:
    return Shown(saturation=700 - now_ms // 1000, haemoglobin=1000)


def feed(first_counter: int = 0) -> MoxyFeed:
    return MoxyFeed(MoxyMonitor(shown, first_counter), ADDRESS)


def run(host: MoxyHost, source: MoxyFeed, until_ms: int, since_ms: int = 0) -> list[object]:
    events: list[object] = []
    for now_ms in range(since_ms, until_ms, 50):
        events += host.receive(source.step(now_ms), now_ms)
    return events


def readings(events: list[object]) -> list[Oximetry]:
    return [event for event in events if isinstance(event, Oximetry)]


def notices(events: list[object]) -> list[str]:
    return [event.text for event in events if isinstance(event, OximeterNotice)]


class TestHost:
    def test_it_is_a_host_that_never_says_anything(self) -> None:
        host: Host = MoxyHost(ADDRESS)
        host.receive(feed().step(0), 0)
        assert host.outgoing(0) == b""
        assert host.line.baudrate == 0

    def test_each_measurement_is_an_event(self) -> None:
        host = MoxyHost(ADDRESS)
        events = run(host, feed(), 2000)
        assert [reading.counter for reading in readings(events)] == [1, 2, 3, 4]
        assert readings(events)[2] == Oximetry((TissueChannel(699, 1200),), 1000, counter=3)
        assert host.identity == Identity("Moxy", ADDRESS)
        assert (host.last_valid_ms, host.refusal) == (1500, "")
        assert host.counters.frames == 2 + 4

    def test_the_first_one_comes_with_what_is_unconfirmed(self) -> None:
        told = notices(run(MoxyHost(ADDRESS), feed(), 1000))
        assert told[0] == "Moxy feeder: the monitor is connected"
        assert "research only" in told[1]
        assert "unconfirmed" in told[1]

    def test_hello_and_state_are_no_sign_of_life(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        source.silent = True
        run(host, source, 20_000)
        assert host.counters.frames > 4
        assert (host.identity, host.last_valid_ms) == (None, None)

    def test_skipped_measurements_are_counted(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        run(host, source, 1000)
        source.monitor.skip(3)
        [reading] = readings(run(host, source, 1500, 1000))
        assert (reading.counter, reading.missing, host.counters.gaps) == (6, 3, 3)

    def test_a_counter_that_wraps_is_no_gap(self) -> None:
        host = MoxyHost(ADDRESS)
        events = run(host, feed(moxy.COUNTER_WRAP - 3), 3000)
        assert [reading.counter for reading in readings(events)][:4] == [0x7FFE, 0x7FFF, 0, 1]
        assert host.counters.gaps == 0

    def test_the_same_measurement_is_not_given_out_twice(self) -> None:
        host, sender = MoxyHost(), feeder.Sender("moxy", ADDRESS)
        payload = bytes.fromhex(RECORDED[0][0])
        said = sender.hello(0) + sender.data(payload, 0) + sender.data(payload, 10)
        assert len(readings(host.receive(said, 10))) == 1
        assert host.repeats == 1

    def test_a_monitor_that_was_off_is_told_and_goes_on(self) -> None:
        host, source = MoxyHost(ADDRESS), feed(500)
        run(host, source, 2000)
        source.monitor.restart()
        events = run(host, source, 3000, 2000)
        assert "Moxy: the monitor has begun to count anew: it was off" in notices(events)
        assert [reading.counter for reading in readings(events)] == [1, 2]
        assert host.counters.gaps == 0

    def test_ambient_light_is_no_value(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        source.monitor.ambient_light = True
        assert readings(run(host, source, 500))[0].channels == (
            TissueChannel(None, 1200, ("ambient-light",)),
        )

    def test_out_of_range_and_back(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        run(host, source, 2000)
        source.lost = True
        assert notices(run(host, source, 30_000, 2000)) == ["Moxy feeder: the link was lost"]
        assert host.last_valid_ms == 1500
        source.lost = False
        events = run(host, source, 31_000, 30_000)
        assert notices(events) == ["Moxy feeder: the monitor is connected"]
        assert readings(events)[0].arrived_ms == 30_000

    def test_a_message_that_the_feeder_dropped_is_missed(self) -> None:
        host, sender = MoxyHost(), feeder.Sender("moxy", ADDRESS)
        host.receive(sender.hello(0), 0)
        sender.state(feeder.SUBSCRIBED, "never sent", 0)
        host.receive(sender.state(feeder.SUBSCRIBED, "", 0), 0)
        assert host.messages_lost == 1


class TestTime:
    def test_what_stood_still_is_as_old_as_it_is(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        run(host, source, 2000)
        source.hold_ms = 1800
        [reading] = readings(run(host, source, 4000, 3500))
        assert (reading.arrived_ms, reading.flags) == (1700, ("late",))
        assert host.last_valid_ms == 1700

    def test_a_little_delay_is_not_late(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        run(host, source, 2000)
        source.hold_ms = 900
        [reading] = readings(run(host, source, 4000, 3500))
        assert (reading.arrived_ms, reading.flags) == (2600, ())

    def test_the_clocks_may_be_set_apart(self) -> None:
        clock = FeederClock()
        assert clock.ours(4_000_000_000, 70) == 70
        assert clock.ours(4_000_000_500, 900) == 570

    def test_stamps_wrap(self) -> None:
        clock = FeederClock()
        assert clock.ours((1 << 32) - 100, 1000) == 1000
        assert clock.ours(400, 1500) == 1500

    def test_a_stamp_from_the_future_makes_nothing_newer(self) -> None:
        clock = FeederClock()
        clock.ours(1000, 1000)
        assert clock.ours(9000, 2000) == 2000
        assert clock.ours(3000, 3000) == 3000 - 7000

    @given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 10_000)), max_size=20))
    def test_nothing_is_ever_from_the_future(self, stamps: list[tuple[int, int]]) -> None:
        clock, now_ms = FeederClock(), 0
        for stamp_ms, step_ms in stamps:
            now_ms += step_ms
            assert clock.ours(stamp_ms, now_ms) <= now_ms


class TestRefusal:
    def test_another_address_than_the_configured_one(self) -> None:
        host = MoxyHost("aa:bb:cc:dd:ee:ff")
        assert readings(run(host, feed(), 3000)) == []
        assert host.refusal == f"the feeder speaks for {ADDRESS}, AA:BB:CC:DD:EE:FF is configured"
        assert (host.identity, host.last_valid_ms) == (None, None)

    def test_a_feeder_of_another_kind(self) -> None:
        host, sender = MoxyHost(), feeder.Sender("heart-rate", ADDRESS)
        said = sender.hello(0) + sender.data(bytes.fromhex(RECORDED[0][0]), 0)
        assert host.receive(said, 0) == []
        assert "speaks for a 'heart-rate'" in host.refusal

    def test_notifications_of_another_length_until_a_right_one_comes(self) -> None:
        host, source = MoxyHost(ADDRESS), feed()
        source.monitor.foreign = True
        assert readings(run(host, source, 6000)) == []
        assert "are not those of a Moxy" in host.refusal
        source.monitor.foreign = False
        assert readings(run(host, source, 7000, 6000)) != []
        assert host.refusal == ""

    def test_a_feeder_of_another_release(self) -> None:
        host = MoxyHost()
        damaged = feeder.encode(feeder.Data(1, 1, b"abc")).replace(b"abc", b"abd")
        host.receive(damaged * 9, 0)
        assert host.refusal == ""
        host.receive(damaged, 0)
        assert host.refusal.startswith("10 frames in a row are damaged")
        host.receive(feeder.Sender("moxy", ADDRESS).hello(0), 0)
        assert host.refusal == ""

    def test_data_before_a_hello_are_nobodys(self) -> None:
        host = MoxyHost()
        assert host.receive(feeder.Sender("moxy", ADDRESS).data(bytes.fromhex(RECORDED[0][0]), 0), 0) == []
        assert host.last_valid_ms is None


class TestSimulator:
    def test_equal_runs_give_equal_bytes(self) -> None:
        runs = []
        for _ in range(2):
            source = feed()
            runs.append(b"".join(source.step(now_ms) for now_ms in range(0, 20_000, 50)))
        assert runs[0] == runs[1]

    def test_called_late_it_has_no_backlog(self) -> None:
        source = feed()
        source.step(0)
        source.step(0)
        messages = feeder.Decoder().feed(source.step(4900))
        assert [type(message).__name__ for message in messages] == ["Data"]

    def test_no_saturation_is_what_a_moxy_without_one_sends(self) -> None:
        monitor = MoxyMonitor(lambda _: Shown(None))
        assert moxy.decode(monitor.notification(0)).reason == "invalid"
