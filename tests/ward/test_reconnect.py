"""Pauses between attempts, and which version the next attempt speaks."""

from gateway.ward.reconnect import FIRST_MS, LONGEST_MS, STABLE_MS, Backoff, ProtocolChoice


def pauses(device: str, count: int) -> list[int]:
    backoff = Backoff(device)
    return [backoff.lost(0) for _ in range(count)]


def test_pauses_grow_from_one_second_to_a_minute_and_differ_between_beds() -> None:
    waits = pauses("bed-7", 30)
    assert waits[0] == FIRST_MS
    assert all(FIRST_MS <= wait <= LONGEST_MS for wait in waits)
    assert all(wait >= LONGEST_MS // 2 for wait in waits[7:])
    assert waits == pauses("bed-7", 30)
    tenth = [pauses(f"bed-{number}", 10)[-1] for number in range(200)]
    assert max(tenth) - min(tenth) > LONGEST_MS // 3
    assert len(set(tenth)) > 100


def test_only_a_connection_that_lasted_starts_again_at_one_second() -> None:
    backoff = Backoff("bed-7")
    for _ in range(10):
        backoff.lost(0)
    backoff.connected(0)
    assert backoff.lost(STABLE_MS - 1) > STABLE_MS + LONGEST_MS // 2 - 1
    backoff.connected(0)
    assert backoff.lost(STABLE_MS) == STABLE_MS + FIRST_MS


def test_auto_tries_5_twice_then_311_then_begins_again() -> None:
    choice = ProtocolChoice("auto")
    spoken = []
    for _ in range(7):
        spoken.append(choice.version)
        choice.not_understood()
    assert spoken == ["5", "5", "3.1.1", "5", "5", "3.1.1", "5"]


def test_a_broker_that_understood_once_has_two_tries_again() -> None:
    choice = ProtocolChoice("auto")
    choice.not_understood()
    choice.understood()
    choice.not_understood()
    assert choice.version == "5"


def test_a_configured_version_is_kept() -> None:
    for configured in ("5", "3.1.1"):
        choice = ProtocolChoice(configured)
        for _ in range(5):
            choice.not_understood()
            assert choice.version == configured
