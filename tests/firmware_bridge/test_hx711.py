"""The HX711 against a converter that counts the clocks it gets. Runs on MicroPython too."""

from firmware_bridge.hub_mcu import calibration, hx711
from tests.firmware_bridge.bench import raises


class Converter:
    """The far end of two wires: shifts a result out, and starts the next conversion when DOUT is high."""

    def __init__(self, counts) -> None:
        self.counts = [count & 0xFFFFFF for count in counts]
        self.clocks: list[int] = []
        self.level = 0
        self.dout = 1
        self.shifted = 0
        self.held = 0
        self.unguarded = 0

    def convert(self) -> None:
        """A conversion is complete; what an earlier read clocked is known by now."""
        if self.shifted:
            self.clocks.append(self.shifted)
        self.shifted = 0
        self.dout = 0

    def clock(self, level: int) -> None:
        if level and not self.level:
            self.unguarded += not self.held
            self.shifted += 1
            count = self.counts[0]
            self.dout = count >> (24 - self.shifted) & 1 if self.shifted <= 24 else 1
            if self.shifted == 25:
                self.counts.pop(0)
                self.counts.append(count)
        self.level = level

    def data(self) -> int:
        return self.dout

    def guard(self) -> int:
        self.held += 1
        return self.held

    def release(self, state: int) -> None:
        assert state == self.held
        self.held -= 1


def cell(converter: Converter, clocks: int = hx711.A128) -> hx711.Hx711:
    chip = hx711.Hx711(converter.clock, converter.data, clocks, converter.guard, converter.release)
    chip.power_up()
    converter.shifted = 0
    converter.unguarded = 0
    return chip


def settled(converter: Converter, clocks: int = hx711.A128) -> hx711.Hx711:
    chip = cell(converter, clocks)
    for _ in range(hx711.UNSETTLED):
        converter.convert()
        assert chip.read() is None
    return chip


def test_results_of_either_sign() -> None:
    for count in (0, 1, -1, 0x123456, -0x123456, 0x7FFFFF, -0x800000):
        converter = Converter([count])
        chip = settled(converter)
        converter.convert()
        assert chip.is_ready()
        assert chip.read() == count
        assert not chip.is_ready()
        assert chip.stuck == 0


def test_the_number_of_clocks_chooses_input_and_gain() -> None:
    for clocks in (25, 26, 27):
        converter = Converter([5])
        chip = settled(converter, clocks)
        converter.convert()
        assert chip.read() == 5
        converter.convert()
        assert converter.clocks == [clocks] * (hx711.UNSETTLED + 1)
    for clocks in (0, 24, 28):
        assert raises(ValueError, hx711.Hx711, None, None, clocks)


def test_no_clock_is_high_while_an_interrupt_may_come() -> None:
    converter = Converter([5])
    settled(converter)
    assert converter.unguarded == 0


def test_powered_down_the_clock_is_high_and_after_a_power_up_it_settles_again() -> None:
    converter = Converter([5])
    chip = settled(converter)
    chip.power_down()
    assert converter.level == 1
    chip.power_up()
    assert converter.level == 0
    converter.convert()
    assert chip.read() is None


def test_a_wire_to_ground_is_no_result() -> None:
    chip = hx711.Hx711(lambda level: None, lambda: 0)
    chip.power_up()
    for _ in range(hx711.UNSETTLED + 3):
        assert chip.is_ready()
        assert chip.read() is None
    assert chip.stuck == hx711.UNSETTLED + 3


def test_ends_of_the_scale() -> None:
    assert [hx711.is_saturated(count) for count in (0x7FFFFF, 0x7FFFFE, -0x7FFFFF, -0x800000)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_frame_is_three_bytes_the_lowest_first() -> None:
    assert hx711.frame(0x123456) == b"\x56\x34\x12"
    assert hx711.frame(-2) == b"\xfe\xff\xff"


def test_a_cell_that_nobody_has_calibrated_is_in_counts() -> None:
    assert calibration.force_stream(80000, 77, 0) == (2, 0, 3, 1, 80000, ((0, 1, 0),))
    assert calibration.force_stream(80000, 77, 117000) == (2, 2, 3, 1, 80000, ((77, 117000, -9),))
    assert calibration.emg_stream(2000000, 4, 2, 1000)[5] == ((2048, 805664, -6),) * 2
