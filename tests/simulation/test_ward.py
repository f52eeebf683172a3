"""A ward whose broker fails gets every event of the journal; a link that gives up too early is found out."""

from pathlib import Path

import pytest

from gateway.simulation.broker import Broker, BrokerConnection
from gateway.simulation.campaign import _warm_bedside
from gateway.simulation.fault_kinds import KINDS, Family
from gateway.simulation.models import LIMBS
from gateway.simulation.protocols import SHORT
from gateway.simulation.troubled import TroubledBedside
from gateway.simulation.ward import STEP_MS, Ward
from gateway.ward.mqtt import Answered, Connected, Lost
from gateway.ward.outbox import NO_SUBSCRIBERS, Outbox


@pytest.fixture
def bedside(tmp_path: Path) -> TroubledBedside:
    return _warm_bedside(SHORT).bedside(LIMBS[SHORT.limb], 1, tmp_path / "journal.db")


def run(bedside: TroubledBedside, ward: Ward, duration_ms: int) -> None:
    """Let this much time pass."""
    for _ in range(duration_ms // 10):
        bedside.turn()
        ward.step(bedside.now)


def settled(bedside: TroubledBedside, ward: Ward) -> list[str]:
    bedside.close()
    ward.settle()
    return ward.missing()


def test_an_archive_gets_all_of_it(bedside: TroubledBedside) -> None:
    ward = Ward(bedside)
    run(bedside, ward, 20_000)
    assert len(bedside.broker.kept) >= 3
    assert bedside.link_reads
    assert settled(bedside, ward) == []


def test_a_broker_that_forgets_gets_it_again_and_the_bedside_hears_that_it_was_gone(
    bedside: TroubledBedside,
) -> None:
    ward = Ward(bedside)
    run(bedside, ward, 20_000)
    had = set(bedside.broker.kept)
    bedside.broker.die(bedside.now, 30_000)
    assert not bedside.broker.kept
    run(bedside, ward, 29_000)
    assert bedside.link_reads
    run(bedside, ward, 35_000)
    assert not bedside.link_reads
    bedside.broker.rise(bedside.now, 4_000)
    run(bedside, ward, 90_000)
    assert bedside.link_reads
    new = [bedside.broker.kept[key] for key in bedside.broker.kept.keys() - had]
    assert had < bedside.broker.kept.keys()
    assert {told["condition"] for told in new if "condition" in told} == {"link_lost"}
    assert settled(bedside, ward) == []


def test_a_link_that_repeats_nothing_loses_what_a_broker_forgot(
    bedside: TroubledBedside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox, "_next_doubtful", lambda self: None)
    ward = Ward(bedside)
    run(bedside, ward, 20_000)
    forgotten = set(bedside.broker.kept)
    bedside.broker.die(bedside.now, 30_000)
    bedside.broker.rise(bedside.now, 0)
    assert forgotten <= set(settled(bedside, ward))


def test_words_that_changed_on_the_way_are_missing(bedside: TroubledBedside) -> None:
    ward = Ward(bedside)
    run(bedside, ward, 20_000)
    changed = next(iter(bedside.broker.kept))
    bedside.broker.kept[changed]["type"] = "another"
    assert settled(bedside, ward) == [changed]


def test_a_gateway_that_lost_its_power_goes_on_where_it_was_and_another_tells_its_own(
    bedside: TroubledBedside, tmp_path: Path
) -> None:
    ward = Ward(bedside)
    run(bedside, ward, 20_000)
    bedside.powered = False
    bedside.kill_core()
    run(bedside, ward, 1_000)
    assert not bedside.link_reads
    bedside.powered = True
    bedside.exchange_gateway(tmp_path / "other.db")
    bedside.start_core()
    run(bedside, ward, 20_000)
    assert {key.rpartition("-")[0] for key in bedside.broker.kept} == {"rvos-virtual", "rvos-virtual-2"}
    assert settled(bedside, ward) == []


class Caller:
    """One connection to a broker, on a clock of its own."""

    def __init__(self, broker: Broker) -> None:
        self.now = 0
        self.connection = BrokerConnection(broker, lambda: self.now)

    def heard(self, at_ms: int) -> list[object]:
        self.now = at_ms
        return list(self.connection.poll())

    def tell(self, token: int, retain: bool = False) -> None:
        self.connection.publish("", b'{"id":"x-%d","replay":false}' % token, token=token, retain=retain)


def test_a_slow_broker_answers_late() -> None:
    broker = Broker()
    broker.delay_ms = 3_000
    caller = Caller(broker)
    assert caller.heard(2_999) == []
    assert [type(one) for one in caller.heard(3_000)] == [Connected]
    caller.tell(1)
    assert caller.heard(5_999) == []
    assert caller.heard(6_000) == [Answered(1, 0)]


def test_a_half_open_connection_never_hears_again_and_a_new_one_times_out() -> None:
    broker = Broker()
    old = Caller(broker)
    old.heard(0)
    broker.go_half_open()
    old.tell(1)
    assert old.heard(600_000) == []
    new = Caller(broker)
    assert new.heard(4_999) == []
    assert new.heard(5_000) == [Lost("timed out", is_version=False)]
    broker.half_open = False
    assert old.heard(700_000) == []
    assert [type(one) for one in Caller(broker).heard(0)] == [Connected]


def test_an_event_that_nobody_subscribed_to_is_thrown_away() -> None:
    broker = Broker()
    broker.die(0, 0)
    assert Caller(broker).heard(0) == [Lost("connection refused", is_version=False)]
    broker.rise(1_000, 500)
    caller = Caller(broker)
    caller.heard(1_000)
    caller.tell(1)
    assert caller.heard(1_400) == [Answered(1, NO_SUBSCRIBERS)]
    caller.tell(2)
    caller.tell(3, retain=True)
    assert caller.heard(1_600) == [Answered(2, 0), Answered(3, 0)]
    assert list(broker.kept) == ["x-2"]


def test_what_was_told_twice_in_other_words_is_a_contradiction() -> None:
    broker = Broker()
    caller = Caller(broker)
    caller.heard(0)
    caller.tell(1)
    caller.tell(1)
    caller.connection.publish("", b'{"id":"x-1","replay":true,"type":"y"}', token=2, retain=False)
    caller.heard(1)
    assert broker.contradicted == ["x-1"]


def test_the_ward_has_three_ways_to_fail() -> None:
    ward = {kind.name for kind in KINDS.values() if kind.family is Family.WARD}
    assert ward == {"broker_down", "broker_slow", "broker_half_open"}
    assert STEP_MS == 200
