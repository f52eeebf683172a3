"""The board in memory: what the firmware sees and drives, in virtual time."""

import pytest

from gateway.simulation.memory_board import MemoryBoard
from gateway.simulation.models import FAST_CUFF, LIMB
from gateway.simulation.plant import DE_ENERGISED, Plant


@pytest.fixture
def board() -> MemoryBoard:
    return MemoryBoard(Plant(FAST_CUFF, LIMB, seed=1))


def drive(board: MemoryBoard, from_ms: int, to_ms: int, *, feed: bool = True) -> None:
    """A firmware that inflates, blindly, at 100 Hz."""
    for now_ms in range(from_ms, to_ms, 10):
        board.step(now_ms)
        board.read()
        board.write(1000, True, True, False, 1)
        if feed:
            board.feed_watchdog()


def test_nothing_is_known_before_the_first_reading(board: MemoryBoard) -> None:
    assert (board.control_dmmhg(), board.limit_dmmhg(), board.button()) == (None, None, False)


def test_reads_the_sensors_of_the_plant(board: MemoryBoard) -> None:
    drive(board, 0, 1000)
    assert board.control_dmmhg() == board.plant.control_dmmhg
    assert board.limit_dmmhg() == board.plant.limit_dmmhg
    assert board.control_dmmhg() != board.limit_dmmhg()


def test_a_reading_older_than_100_ms_is_missing(board: MemoryBoard) -> None:
    board.step(50)
    board.read()
    board.step(150)
    assert board.control_dmmhg() is not None
    assert board.limit_dmmhg() is not None
    board.step(155)
    assert (board.control_dmmhg(), board.limit_dmmhg()) == (None, None)


def test_readings_change_only_when_read(board: MemoryBoard) -> None:
    drive(board, 0, 500)
    before = board.control_dmmhg()
    board.step(540)
    assert board.control_dmmhg() == before
    board.read()
    assert board.control_dmmhg() == board.plant.control_dmmhg != before


def test_written_outputs_act_from_then_on(board: MemoryBoard) -> None:
    drive(board, 0, 1010)
    assert board.plant.pressure_mmhg == pytest.approx(170.0, abs=5.0)
    assert (board.actuators.indicator, board.actuators.buzzer) == (1, False)
    board.write(0, False, True, True, 2)
    assert (board.actuators.indicator, board.actuators.buzzer) == (2, True)
    board.step(1100)
    assert board.plant.pressure_mmhg == pytest.approx(170.0, abs=5.0)


def test_a_firmware_that_hangs_is_vented_by_the_watchdog(board: MemoryBoard) -> None:
    drive(board, 0, 1000)
    board.step(990 + 999)
    assert board.actuators.dump_closed
    board.step(990 + 1000)
    assert board.actuators == DE_ENERGISED


def test_a_firmware_that_never_feeds_is_vented(board: MemoryBoard) -> None:
    drive(board, 0, 995, feed=False)
    board.step(1000)
    assert board.actuators == DE_ENERGISED


def test_unplugged_it_vents_at_once(board: MemoryBoard) -> None:
    drive(board, 0, 1000)
    board.unplug()
    assert board.actuators == DE_ENERGISED


def test_the_buttons_are_seen_at_the_next_reading(board: MemoryBoard) -> None:
    board.pressed = True
    assert (board.button(), board.patient_stop()) == (False, False)
    board.read()
    assert (board.button(), board.patient_stop()) == (True, False)
    board.pressed, board.patient_stop_pressed = False, True
    board.read()
    assert (board.button(), board.patient_stop()) == (False, True)


def test_the_relay_follows_what_is_written_and_drops_with_the_board(board: MemoryBoard) -> None:
    board.write(0, False, False, False, 0, True)
    assert board.actuators.relay_closed
    board.write(0, False, False, False, 0)
    assert not board.actuators.relay_closed
    board.write(0, False, False, False, 0, True)
    board.unplug()
    assert not board.actuators.relay_closed


def test_a_firmware_that_hangs_loses_the_relay_too(board: MemoryBoard) -> None:
    board.write(0, False, False, False, 0, True)
    board.feed_watchdog()
    board.step(999)
    assert board.actuators.relay_closed
    board.step(1000)
    assert not board.actuators.relay_closed


def test_a_sensor_that_does_not_answer_is_missing_at_once(board: MemoryBoard) -> None:
    drive(board, 0, 500)
    board.plant.defects.limit.missing = True
    board.step(500)
    board.read()
    assert board.limit_dmmhg() is None
    assert board.control_dmmhg() is not None
    board.plant.defects.limit.missing = False
    board.step(510)
    board.read()
    assert board.limit_dmmhg() is not None


def test_a_stuck_button_is_down_for_nobody(board: MemoryBoard) -> None:
    board.plant.defects.button_stuck = True
    board.read()
    assert board.button() is True
    board.plant.defects.button_stuck = False
    board.read()
    assert board.button() is False
