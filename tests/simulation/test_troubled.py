"""The bedside that can fail: without trouble the same as the other one; its disk, its tap and its ear."""

from pathlib import Path

import pytest

from firmware_bridge import cuff
from gateway.model import Limb, Priority
from gateway.record.errors import JournalFull, JournalWriteFailed
from gateway.record.row import ClockQuality, Row, Stamp
from gateway.runtime.annunciator import Announcement
from gateway.simulation import full
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.disk import Health, TroubledJournal, TroubledWriter, broken, lost
from gateway.simulation.hearing import Ear, Room
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.tap import WireTap
from gateway.simulation.troubled import SOUNDER_MS, TroubledBedside, TroubledClock

STAMP = Stamp(1, 5, 6, ClockQuality.SIMULATED)
EVENT = Row("event", "tripped", "s-1", STAMP, b'{"reason": "leak"}')
TRACE = Row("trace", "trace", "s-1", STAMP, b"{}")


@pytest.fixture
def journal(tmp_path: Path) -> TroubledJournal:
    return TroubledJournal.open(tmp_path / "journal.db", device="a")


@pytest.fixture
def writer(journal: TroubledJournal) -> TroubledWriter:
    return TroubledWriter(journal)


def test_without_trouble_the_wire_carries_the_same(tmp_path: Path) -> None:
    bed = Bed(full.configuration("fast_cuff", "fast_limb", None), CUFFS["fast_cuff"], LIMBS["fast_limb"], 3)
    plain, troubled = Bedside(bed, tmp_path / "a.db"), TroubledBedside(bed, tmp_path / "b.db")
    for bedside in (plain, troubled):
        bedside.run(20_000)
    assert plain.core is not None
    assert troubled.core is not None
    assert plain.core.cuff == troubled.core.cuff
    assert plain.core.state == troubled.core.state
    plain.close()
    troubled.close()


# --- disk ---------------------------------------------------------------------------------------------


def test_a_sound_disk_promises_at_once_and_keeps_it(writer: TroubledWriter, journal: TroubledJournal) -> None:
    ticket = writer.submit([EVENT])
    assert writer.durable == ticket
    promised = writer.abandon()
    assert promised == [EVENT]
    assert lost(journal.path, promised) == []
    assert broken(journal.path) == ""


def test_a_row_that_is_not_there_is_lost(writer: TroubledWriter, journal: TroubledJournal) -> None:
    writer.submit([EVENT])
    writer.abandon()
    other = Row("event", "core_stopped", "", STAMP, b"{}")
    assert lost(journal.path, [EVENT, other]) == ["core_stopped"]


def test_a_slow_disk_answers_after_its_time(writer: TroubledWriter) -> None:
    writer.answer_within(500)
    writer.step(1_000)
    ticket = writer.submit([EVENT])
    writer.step(1_490)
    assert writer.durable < ticket
    writer.step(1_500)
    assert writer.durable == ticket


def test_what_a_silent_disk_never_wrote_was_never_promised(
    writer: TroubledWriter, journal: TroubledJournal
) -> None:
    writer.answer_within(10_000_000)
    writer.submit([EVENT])
    writer.step(60_000)
    assert writer.abandon() == []
    assert lost(journal.path, [EVENT]) == ["tripped"]


def test_a_disk_that_recovers_writes_what_waited(writer: TroubledWriter, journal: TroubledJournal) -> None:
    writer.answer_within(10_000_000)
    writer.submit([EVENT])
    writer.answer_within(0)
    assert lost(journal.path, writer.abandon()) == []


def test_after_a_failed_commit_nothing_more_is_written(
    writer: TroubledWriter, journal: TroubledJournal
) -> None:
    journal.health = Health.FAILING
    first = writer.submit([EVENT])
    journal.health = Health.SOUND
    writer.submit([EVENT])
    assert writer.failure is not None
    assert writer.durable < first
    assert writer.abandon() == []
    assert lost(journal.path, [EVENT]) == ["tripped"]


def test_a_full_disk_costs_the_reserve_first(journal: TroubledJournal) -> None:
    reserve = journal.path.with_name("journal.db-reserve")
    journal.health = Health.FULL
    before = reserve.stat().st_size
    journal.append([EVENT])
    assert reserve.stat().st_size < before
    more_than_the_reserve = [EVENT] * 2_000
    with pytest.raises(JournalFull):
        journal.append(more_than_the_reserve)
    journal.health = Health.SOUND
    journal.append([EVENT])
    journal.close()


def test_a_disk_that_fails_lets_no_core_start(journal: TroubledJournal) -> None:
    journal.health = Health.FAILING
    with pytest.raises(JournalWriteFailed):
        journal.next_boot()
    journal.close()


# --- tap ----------------------------------------------------------------------------------------------


def lease(seq: int = 1, duration_ms: int = 800) -> bytes:
    return cuff.encode_lease_request(seq, Limb.LEFT_THIGH.number, 1700, duration_ms, 6_000, 7)


def granted(seq: int = 1, result: int = cuff.OK) -> bytes:
    return cuff.encode_lease_reply(result, seq)


def test_a_granted_lease_is_in_force_until_it_lapses() -> None:
    tap = WireTap()
    tap.to_controller(lease(), 1_000)
    assert not tap.leased(1_000)
    tap.from_controller(granted())
    assert tap.leased(1_799)
    assert not tap.leased(1_800)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (lease(), granted(result=cuff.DEBT)),
        (lease(), granted(seq=2)),
        (lease()[:9] + b"\x00" + lease()[10:], granted()),
        (b"", granted()),
    ],
    ids=["refused", "another", "damaged", "never asked"],
)
def test_what_was_not_granted_is_not_in_force(asked: bytes, answered: bytes) -> None:
    tap = WireTap()
    tap.to_controller(asked, 1_000)
    tap.from_controller(answered)
    assert not tap.leased(1_001)


def test_a_vent_and_a_loss_of_power_end_a_lease() -> None:
    for end in (lambda tap: tap.to_controller(cuff.encode_vent(), 1_100), lambda tap: tap.restarted()):
        tap = WireTap()
        tap.to_controller(lease(), 1_000)
        tap.from_controller(cuff.encode_vent() + granted())
        assert tap.leased(1_050)
        end(tap)
        assert not tap.leased(1_150)


def test_the_relay_has_a_lease_of_its_own() -> None:
    tap = WireTap()
    tap.to_controller(cuff.encode_relay_request(1, 800, 7), 1_000)
    tap.from_controller(cuff.encode_relay_reply(cuff.OK, 1))
    assert tap.relay_leased(1_500)
    assert not tap.leased(1_500)
    tap.to_controller(cuff.encode_vent(), 1_500)
    assert tap.relay_leased(1_600)
    tap.to_controller(cuff.encode_relay_open(), 1_600)
    assert not tap.relay_leased(1_610)


# --- ear and clock ------------------------------------------------------------------------------------


def heard(pattern: list[bool]) -> list[Priority | None]:
    ear = Ear()
    return [ear.listen(on, 10_000 + turn * 10) for turn, on in enumerate(pattern)]


def test_a_continuous_sound_is_high() -> None:
    said = heard([True] * 40)
    assert said[29] is Priority.MEDIUM
    assert said[30] is Priority.HIGH


def test_beeps_are_not_high_and_last_until_the_next() -> None:
    said = heard(([True] * 20 + [False] * 80) * 3)
    assert set(said) == {Priority.MEDIUM}


def test_silence_is_silence() -> None:
    assert heard([True] * 20 + [False] * 500)[-1] is None


def test_a_loss_of_power_leaves_a_clock_that_proves_nothing() -> None:
    clock = TroubledClock()
    clock.ms = 500_000
    before = clock.stamp(1, clock.now_ms())
    clock.lose_power(60_000)
    after = clock.stamp(2, clock.now_ms())
    assert clock.boot_id == "virtual-2"
    assert after.mono_ms < before.mono_ms
    assert before.wall_ms - after.wall_ms == 60_000
    assert after.clock is ClockQuality.UNSYNCHRONISED


def test_the_room_hears_what_the_annunciator_does() -> None:
    room = Room()
    room.step(Announcement(Priority.HIGH, "Look."), 1_000)
    assert room.said is Priority.HIGH
    room.step(Announcement(Priority.MEDIUM, "Look.", audible=False), 1_050)
    assert room.said is None
    room.step(None, 1_100)
    assert room.said is None


@pytest.mark.parametrize(("energised", "said"), [(True, Priority.HIGH), (False, None)])
def test_a_board_that_loses_power_under_pressure_sounds_from_its_battery(
    tmp_path: Path, energised: bool, said: Priority | None
) -> None:
    bed = Bed(full.configuration("fast_cuff", "fast_limb", None), CUFFS["fast_cuff"], LIMBS["fast_limb"], 3)
    bedside = TroubledBedside(bed, tmp_path / "journal.db")
    bedside.kill_core()
    bedside.board.write(0, False, energised, False, 0)
    bedside.kill_firmware()
    assert bedside.alarm(bedside.now + SOUNDER_MS - 10) is said
    assert bedside.alarm(bedside.now + SOUNDER_MS) is None
    bedside.start_firmware()
    assert bedside.alarm(bedside.now + 5_000) is None
