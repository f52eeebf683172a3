"""The real board: an RP2040 with pump, two valves, relay, buzzer, lamp, two buttons and two pressure sensors.

**This file has not been run on hardware.**  It compiles for the RP2040 and follows the data sheets named
here; pins, pump frequency and sensor ranges have to be confirmed on the bench before anything is inflated.

Theory of operation
-------------------
Each sensor has its own I2C bus, so that one that locks its bus up leaves the other readable; they should be
of different series, with lumens of their own to the cuff.  Both are Honeywell digital sensors (control: ABP,
limit: HSC) with a 14-bit count, transfer function A (10 % to 90 % of 2**14) over 0 to 15 psi gauge:

    pressure = (count - zero) * 775.7 mmHg / (14746 - 1638)

where zero is what the technician stored for this sensor (``calibration``), 1638 by the data sheet.
The top two bits of an answer are its status: 0 valid, 2 the same measurement as last time, else no reading.
A reading that has not been renewed for 100 ms is "not known".  The largest product, 16383 - 1638 times 7757,
stays within 31 bits.

The dump valve is normally open and energised to close, and so is the relay in the stimulator's lead; the
RP2040's own watchdog resets the chip after one second without food, which de-energises every pin.

The bedside button closes to ground: a cable that tore off cannot press it, so it allows nothing.  The
patient's stop opens from ground: a cable that tore off stops.  Where there is none, its pin is bridged.

Pins: I2C0 sda 0, scl 1 (control); I2C1 sda 2, scl 3 (limit); pump 6 (PWM 20 kHz); inflate 7; dump 8;
buzzer 9; button 10 (to ground); relay 11; patient's stop 12 (normally closed, to ground); lamp 25 (lit while
the cuff is energised).
"""

import struct

import machine

from .. import aio, cuff
from . import calibration
from .board import Board

SENSOR_ADDRESS = 0x28
COUNT_AT_ZERO = calibration.NOMINAL_COUNT
COUNT_AT_FULL = 14746
FULL_DMMHG = 7757
FRESH_MS = 100
WATCHDOG_MS = 1000
PUMP_HZ = 20000

_STATUS_VALID = 0
_STATUS_SAME = 2


class HoneywellSensor:
    """One sensor of the ABP or HSC series on an I2C bus of its own."""

    def __init__(self, bus: machine.I2C, clock: aio.Clock, zero_count: int) -> None:
        self._bus = bus
        self._zero_count = zero_count
        self._clock = clock
        self._answer = bytearray(2)
        self._pressure_dmmhg: int | None = None
        self._read_ms = 0

    def read(self) -> None:
        """Ask for the last measurement; a bus that does not answer leaves the reading to age."""
        try:
            self._bus.readfrom_into(SENSOR_ADDRESS, self._answer)
        except OSError:
            return
        status, count = decode_count(self._answer)
        if status == _STATUS_VALID and calibration.is_plausible(self._zero_count):
            self._pressure_dmmhg = count_to_dmmhg(count, self._zero_count)
            self._read_ms = self._clock.now_ms()
        elif status != _STATUS_SAME:
            self._pressure_dmmhg = None

    def pressure_dmmhg(self) -> int | None:
        """The last reading while it is fresh."""
        return self._pressure_dmmhg if self._clock.now_ms() - self._read_ms <= FRESH_MS else None


def decode_count(answer: bytes | bytearray) -> tuple[int, int]:
    """Status (0 to 3) and 14-bit count of a sensor's two bytes."""
    word = struct.unpack(">H", answer)[0]
    return word >> 14, word & 0x3FFF


def count_to_dmmhg(count: int, zero_count: int = COUNT_AT_ZERO) -> int:
    """Pressure in 0.1 mmHg of a count of transfer function A, above the stored zero."""
    return (count - zero_count) * FULL_DMMHG // (COUNT_AT_FULL - COUNT_AT_ZERO)


class Rp2040Board(Board):
    """Pins and sensors of the cuff board."""

    def __init__(self, clock: aio.Clock) -> None:
        self._dump = machine.Pin(8, machine.Pin.OUT, value=0)
        self._inflate = machine.Pin(7, machine.Pin.OUT, value=0)
        self._pump = machine.PWM(machine.Pin(6), freq=PUMP_HZ, duty_u16=0)
        self._buzzer = machine.Pin(9, machine.Pin.OUT, value=0)
        self._lamp = machine.Pin(25, machine.Pin.OUT, value=0)
        self._button = machine.Pin(10, machine.Pin.IN, machine.Pin.PULL_UP)
        self._relay = machine.Pin(11, machine.Pin.OUT, value=0)
        self._patient_stop = machine.Pin(12, machine.Pin.IN, machine.Pin.PULL_UP)
        control_bus = machine.I2C(0, sda=machine.Pin(0), scl=machine.Pin(1), freq=400000, timeout=2000)
        limit_bus = machine.I2C(1, sda=machine.Pin(2), scl=machine.Pin(3), freq=400000, timeout=2000)
        self._control = HoneywellSensor(control_bus, clock, calibration.CONTROL_ZERO_COUNT)
        self._limit = HoneywellSensor(limit_bus, clock, calibration.LIMIT_ZERO_COUNT)
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def read(self) -> None:
        """Ask both sensors."""
        self._control.read()
        self._limit.read()

    def control_dmmhg(self) -> int | None:
        """The sensor that the pressure is regulated by."""
        return self._control.pressure_dmmhg()

    def limit_dmmhg(self) -> int | None:
        """The independent second sensor."""
        return self._limit.pressure_dmmhg()

    def button(self) -> bool:
        """Whether the bedside button is pressed."""
        return not self._button.value()

    def patient_stop(self) -> bool:
        """Whether the patient's own stop is pressed, or its cable torn."""
        return bool(self._patient_stop.value())

    def write(
        self,
        pump_permille: int,
        inflate_open: bool,
        dump_closed: bool,
        buzzer: bool,
        indicator: int,
        relay_closed: bool = False,
    ) -> None:
        """Set dump valve and relay first: opening them is what must never wait."""
        self._dump.value(1 if dump_closed else 0)
        self._relay.value(1 if relay_closed else 0)
        self._inflate.value(1 if inflate_open else 0)
        self._pump.duty_u16(pump_permille * 65535 // 1000)
        self._buzzer.value(1 if buzzer else 0)
        self._lamp.value(0 if indicator == cuff.VENTED else 1)

    def feed_watchdog(self) -> None:
        """Put the reset off by another second."""
        self._watchdog.feed()
