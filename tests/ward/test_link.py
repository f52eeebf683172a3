"""The link against real brokers: what a subscriber gets, and what never leaves the link."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event

import msgspec
import pytest

from gateway.config import SiteConfig
from gateway.record.events import DeviceIdentified, HoldReached, SelfTested
from gateway.runtime.clock import SystemClock
from gateway.ward.broker import EmbeddedBroker, free_port
from gateway.ward.errors import WardError
from gateway.ward.link import UNHEARD_MS, Link, run_link
from tests.ward.bench import ROOT, Bedside, Deadline, Mosquitto, Subscriber, make_alarm
from tests.ward.tap import Tap

StartMosquitto = Callable[..., Mosquitto]
Subscribe = Callable[..., Subscriber]
MakeLink = Callable[[int], Link]

SUBSCRIBE, UNSUBSCRIBE = 8, 10
PUBLISH, PUBACK = 3, 4
CLEAN_START = 0x02
WILL_DELAY_8_S, SESSION_EXPIRY_8_S = b"\x18\0\0\0\x08", b"\x11\0\0\0\x08"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_every_topic_arrives_with_its_retention_and_quality_of_service(
    version: str, mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    broker = mosquitto()
    ward = subscribe(broker.port, version)
    bedside.protocol = version
    bedside.serve()
    bedside.record(HoldReached(cycle=1, target_dmmhg=1700), session="s1")
    turn = link(broker.port).turn

    def live() -> None:
        bedside.feed(make_alarm("1-1"), mode="session", session="s1", cuff_mmhg=170)
        turn()

    ward.until(lambda w: {"status", "birth", "state", "alarm/1-1"} <= {one.tail for one in w.received}, live)
    ward.until(lambda w: len(w.events()) == 2, turn)

    assert [one.tail for one in ward.events()] == ["event/core_started", "event/hold_reached"]
    assert [one.json["replay"] for one in ward.events()] == [True, True]
    assert ward.events()[1].json["sid"] == "s1"
    assert {one.qos for one in ward.events()} == {1}
    state = ward.last("state")
    assert state is not None
    assert state.qos == 0
    assert b'"cuff_mmhg":170.0' in state.payload
    assert "limit_mmhg" not in state.json
    late = subscribe(broker.port, version, name="late")
    late.until(lambda w: len(w.received) >= 4, turn)
    kept = {one.tail: one for one in late.received if one.retained}
    assert kept.keys() == {"status", "birth", "state", "alarm/1-1"}
    assert kept["status"].json["state"] == "ready"
    assert kept["status"].json["boot"] == kept["birth"].json["boot"] == bedside.boot
    assert kept["birth"].json["limits_crc"] == 7
    if version == "5":
        assert kept["state"].properties["MessageExpiryInterval"] <= 10
        assert kept["birth"].properties["ContentType"] == "application/json"


def test_the_embedded_broker_carries_the_same(
    embedded: EmbeddedBroker, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    ward = subscribe(embedded.port)
    bedside.serve()
    bedside.record_many(40)
    turn = link(embedded.port).turn
    bedside.feed()
    ward.until(lambda w: len(w.events()) == 41, turn)
    assert ward.seqs() == list(range(1, 42))
    ward.until(lambda w: w.states() == ["core_lost"], turn)


def test_news_is_no_replay_and_history_is(
    embedded: EmbeddedBroker, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    ward = subscribe(embedded.port)
    turn = link(embedded.port).turn
    ward.until(lambda w: len(w.events()) == 1, turn)
    bedside.record(SelfTested(passed=True, control_zero_dmmhg=None, limit_zero_dmmhg=3, detail=""))
    ward.until(lambda w: len(w.events()) == 2, turn)
    assert [one.json["replay"] for one in ward.events()] == [True, False]
    assert ward.events()[1].json["control_zero_dmmhg"] is None


def test_a_device_that_identifies_itself_is_born_again(
    embedded: EmbeddedBroker, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    ward = subscribe(embedded.port)
    turn = link(embedded.port).turn
    ward.until(lambda w: w.last("birth") is not None, turn)
    bedside.record(
        DeviceIdentified(
            device="cuff",
            serial="C-1",
            model="m",
            firmware="1.2.3",
            protocol=1,
            limits_crc=7,
            description="d",
        )
    )

    def is_known(ward: Subscriber) -> bool:
        birth = ward.last("birth")
        return birth is not None and birth.json.get("cuff_serial") == "C-1"

    ward.until(is_known, turn)
    birth = ward.last("birth")
    assert birth is not None
    assert birth.json["cuff_firmware"] == "1.2.3"
    assert birth.json["limit_pressure_mmhg"] == 250.0
    assert birth.json["limit_debt_inflation_s"] == 300.0


def test_an_alarm_that_ended_leaves_no_topic_behind(
    mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    broker = mosquitto()
    ward = subscribe(broker.port)
    bedside.serve()
    turn = link(broker.port).turn

    def raised() -> None:
        bedside.feed(make_alarm("1-1"), make_alarm("1-2", priority="low"))
        turn()

    ward.until(lambda w: {"alarm/1-1", "alarm/1-2"} <= {one.tail for one in w.received}, raised)
    assert bedside.cursor().alarms == ("1-1", "1-2")

    restarted = link(broker.port).turn  # a link that knows the alarms from its cursor only

    def ended() -> None:
        bedside.feed(make_alarm("1-2", priority="low"))
        restarted()

    ward.until(lambda w: (last := w.last("alarm/1-1")) is not None and last.payload == b"", ended)
    late = subscribe(broker.port, name="late")
    late.until(lambda w: w.last("status") is not None and w.last("birth") is not None, ended)
    assert [one.tail for one in late.received if one.tail.startswith("alarm/")] == ["alarm/1-2"]


def test_a_new_boot_of_core_is_a_new_will_status_and_birth(
    mosquitto: StartMosquitto,
    subscribe: Subscribe,
    bedside: Bedside,
    link: MakeLink,
    tap: Callable[[int], Tap],
) -> None:
    broker = mosquitto()
    wire = tap(broker.port)
    ward = subscribe(broker.port)
    bedside.serve()
    turn = link(wire.port).turn

    def booted(boot: int) -> None:
        bedside.feed(boot=boot)
        turn()

    ward.until(lambda w: w.states() == ["ready"], lambda: booted(bedside.boot))
    boot = bedside.journal.next_boot()
    ward.until(lambda w: w.states()[1:] == ["ready"], lambda: booted(boot))
    ward.until(lambda w: (last := w.last("birth")) is not None and last.json["boot"] == boot, turn)
    assert [one.json["boot"] for one in ward.received if one.tail == "status"] == [boot - 1, boot]
    wills = [rest for direction, first, rest in wire.packets if direction == "up" and first >> 4 == 1]
    assert [b'"boot":%d' % number in will for number, will in zip((boot - 1, boot), wills, strict=True)] == [
        True,
        True,
    ]


def test_a_core_that_falls_silent_is_core_lost_and_comes_back(
    embedded: EmbeddedBroker, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    ward = subscribe(embedded.port)
    bedside.serve()
    turn = link(embedded.port).turn

    def live() -> None:
        bedside.feed()
        turn()

    ward.until(lambda w: w.states() == ["ready"], live)
    bedside.close_feed()
    ward.until(lambda w: w.states() == ["ready", "core_lost"], turn)
    bedside.serve()
    ward.until(lambda w: w.states() == ["ready", "core_lost", "ready"], live)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_nothing_but_connect_publish_ping_and_goodbye_leaves_the_link(
    version: str,
    mosquitto: StartMosquitto,
    subscribe: Subscribe,
    bedside: Bedside,
    tap: Callable[[int], Tap],
) -> None:
    broker = mosquitto("max_inflight_messages 10")
    wire = tap(broker.port)
    ward = subscribe(broker.port, version)
    bedside.protocol = version
    bedside.record_many(300)
    process = bedside.start_process(wire.port)
    ward.until(lambda w: len(w.events()) == 301)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    ward.until(lambda w: w.states()[-1:] == ["stopped"])

    sent = {first >> 4 for direction, first, _ in wire.packets if direction == "up"}
    assert sent <= {1, PUBLISH, 12, 14}
    assert {1, PUBLISH, 14} <= sent
    assert not {SUBSCRIBE, UNSUBSCRIBE} & sent
    connects = [rest for direction, first, rest in wire.packets if direction == "up" and first >> 4 == 1]
    assert len(connects) == 1
    assert connects[0][7] & CLEAN_START
    for wanted in (WILL_DELAY_8_S, SESSION_EXPIRY_8_S):  # or a broker ends Will and session together
        assert (wanted in connects[0]) == (version == "5")
    assert ward.seqs() == list(range(1, 302))
    # mosquitto tells MQTT 5 clients of its limit; 3.1.1 has no word for it
    assert 1 < _most_in_flight(wire) <= (10 if version == "5" else 16)


def _most_in_flight(wire: Tap) -> int:
    most = now = 0
    for direction, first, _ in wire.packets:
        if direction == "up" and first >> 4 == PUBLISH and first & 0x06:
            now += 1
        elif direction == "down" and first >> 4 == PUBACK:
            now -= 1
        most = max(most, now)
    return most


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_will_of_a_killed_link_carries_the_boot_of_its_birth(
    version: str, mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside
) -> None:
    broker = mosquitto()
    ward = subscribe(broker.port, version)
    bedside.protocol = version
    bedside.serve()
    process = bedside.start_process(broker.port)
    ward.until(lambda w: w.last("birth") is not None and w.states() == ["ready"], bedside.feed)
    process.kill()
    killed_ms = bedside.clock.now_ms()
    ward.until(lambda w: w.states() == ["ready", "lost"])
    if version == "5":  # only MQTT 5 has a Will delay
        assert bedside.clock.now_ms() - killed_ms > 5000
    will, birth = ward.last("status"), ward.last("birth")
    assert will is not None
    assert birth is not None
    assert will.json["boot"] == birth.json["boot"] == bedside.boot


def test_a_denied_publication_does_not_advance_the_cursor(
    mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    acl = bedside.directory / "acl"
    acl.write_text(f"topic read #\ntopic write {ROOT}/event/core_started\ntopic write {ROOT}/status\n")
    broker = mosquitto(f"acl_file {acl}")
    ward = subscribe(broker.port)
    bedside.record(HoldReached(cycle=1, target_dmmhg=1700))
    made = link(broker.port)
    ward.until(lambda w: len(w.events()) == 1, made.turn)
    deadline = Deadline()
    while broker.log.count("Denied PUBLISH") < 3:  # the birth, the event, and the event once more
        made.turn()
        deadline.check(broker.log)
    made.close()
    assert ward.seqs() == [1]
    assert bedside.cursor().acknowledged_through == 1


def test_what_nobody_subscribed_to_is_offered_again(
    mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside, link: MakeLink
) -> None:
    broker = mosquitto()
    bedside.record_many(5)
    made = link(broker.port)
    deadline = Deadline()
    while bedside.cursor().unheard != ((1, 6),):
        made.turn()
        deadline.check(broker.log)
    made.close()
    assert bedside.cursor().acknowledged_through == 0
    ward = subscribe(broker.port)
    again = link(broker.port)
    ward.until(lambda w: sorted(set(w.seqs())) == [1, 2, 3, 4, 5, 6], again.turn)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_every_event_arrives_though_broker_and_link_are_killed(
    version: str, mosquitto: StartMosquitto, subscribe: Subscribe, bedside: Bedside
) -> None:
    broker = mosquitto()
    ward = subscribe(broker.port, version)
    bedside.protocol = version
    bedside.record_many(600)
    process = bedside.start_process(broker.port)
    ward.until(lambda w: len(w.events()) >= 100)
    broker.kill()
    bedside.record_many(100)
    broker.start()
    ward.until(lambda w: len(set(w.seqs())) >= 250)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    bedside.record_many(100)
    bedside.start_process(broker.port)
    everything = set(range(1, 802))
    ward.until(lambda w: set(w.seqs()) == everything)
    by_seq = {
        one.json["seq"]: one.payload.replace(b'"replay":true', b'"replay":false') for one in ward.events()
    }
    for one in ward.events():  # a duplicate says the same, so whoever drops it loses nothing
        assert one.payload.replace(b'"replay":true', b'"replay":false') == by_seq[one.json["seq"]]


def test_the_embedded_broker_is_killed_and_the_link_finds_its_successor(
    bedside: Bedside, subscribe: Subscribe, link: MakeLink
) -> None:
    first = EmbeddedBroker(bedside.directory)
    first.start()
    turn = link(first.port).turn
    ward = subscribe(first.port)
    bedside.record_many(20)
    ward.until(lambda w: len(w.events()) == 21, turn)
    first.kill()
    bedside.record_many(20)
    with EmbeddedBroker(bedside.directory, port=first.port) as successor:
        assert successor.pid != 0
        ward.until(lambda w: set(w.seqs()) == set(range(1, 42)), turn)
    assert first.pid == 0


def test_before_core_ever_ran_the_link_waits_and_can_be_stopped(bedside: Bedside, directory: Path) -> None:
    bedside.journal.close()
    (directory / "core" / "journal.db").unlink()
    stop = Event()
    run_link(bedside.config(1), clock=bedside.clock, version="0", ready=stop.set, stop=stop)
    assert not (directory / "link" / "cursor.json").exists()


def test_the_journal_of_another_device_is_refused(bedside: Bedside) -> None:
    config = msgspec.structs.replace(
        bedside.config(1), site=SiteConfig(site="lab", ward="icu", device="bed-8")
    )
    with pytest.raises(WardError, match=r"'bed-7', but site\.device is 'bed-8'"):
        run_link(config, clock=bedside.clock, version="0", ready=lambda: None, stop=Event())


def test_a_cursor_that_cannot_be_read_is_told_before_ready(bedside: Bedside, directory: Path) -> None:
    (directory / "link" / "cursor.json").write_text("{")
    told: list[bool] = []
    with pytest.raises(WardError, match="not a cursor"):
        run_link(
            bedside.config(1), clock=bedside.clock, version="0", ready=lambda: told.append(True), stop=Event()
        )
    assert told == []


class LateClock(SystemClock):
    """The machine's clock, and what a test adds to it."""

    late_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.late_ms


def test_a_link_without_a_broker_leaves_the_feed_so_that_core_can_alarm(
    bedside: Bedside, link: MakeLink
) -> None:
    bedside.clock = clock = LateClock()
    bedside.serve()
    made = link(free_port())
    made.turn()
    bedside.feed()
    made.turn()
    assert bedside.readers() == 1
    clock.late_ms = UNHEARD_MS + 1_000
    made.turn()
    bedside.feed()
    assert bedside.readers() == 0


def test_a_link_that_finds_its_broker_again_reads_the_feed_again(
    bedside: Bedside, link: MakeLink, embedded: EmbeddedBroker
) -> None:
    bedside.clock = clock = LateClock()
    clock.late_ms = 1
    bedside.serve()
    made = link(embedded.port)
    clock.late_ms = UNHEARD_MS + 1_000  # before the first turn could connect
    deadline = Deadline()
    while not bedside.readers():
        made.turn()
        bedside.feed()
        deadline.check("the link reads the feed")
