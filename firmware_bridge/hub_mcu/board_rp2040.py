"""The real board: an RP2040 with three EMG amplifiers at its own converter and an HX711 at two pins.

**This file has not been run on hardware.**  It compiles for the RP2040 and follows the data sheets named here
as this project remembers them; registers, pins, rates and gains have to be confirmed on the bench.

Theory of operation
-------------------
*EMG*: the converter of the chip goes round its first three inputs by itself (RP2040 data sheet 4.9: round
robin, free running at 48 MHz / (1 + DIV)), and a DMA channel moves each result into a ring in memory: 16
bits, little endian, channel by channel: the layout of a block.  No code touches a sample.  How far the
DMA has written says how many frames wait.  A loop that came so late that the ring may have gone round drops
what is in it and tells how many frames that were, by the clock: then, and only then, the number is an
estimate.

*Force*: an HX711 (``hx711``), read when it is ready.  None of its results for three periods is "not ready".

Three channels of 12 bits at 2 kHz is what this chip does by itself.  Eight need a converter beside it (or
the RP2350B, whose converter has eight inputs); for those there is no board file yet.  There is no PPG here
either.

The amplifiers say by a pin each, high, that an electrode is off (as the AD8232 does); a pin that nobody
drives is pulled down and says nothing.

Pins: EMG 26, 27, 28 (inputs 0 to 2); electrodes off 10, 11, 12; HX711 PD_SCK 14, DOUT 15; lamp 25 (lit while
it samples).
"""

import machine
import rp2
import uctypes  # type: ignore[import-not-found]

from .. import aio, hub
from . import calibration, hx711
from .board import Board

EMG_CHANNELS = 3
EMG_RATE_HZ = 2000
EMG_FRAMES = 4
FORCE_RATE_HZ = 80
NOT_READY_MS = 3 * 1000 // FORCE_RATE_HZ
# Data sheet: from power-up to the first settled result.
SETTLING_MS = 50
MOST_WAITING = 16
WATCHDOG_MS = 1000
EMG, FORCE = 0, 1

ADC_BASE = 0x4004C000
ADC_CS, ADC_FCS, ADC_FIFO, ADC_DIV = 0x00, 0x08, 0x0C, 0x10
ADC_CLOCK_HZ = 48000000
ADC_DREQ = 36
CS_ENABLE, CS_START_MANY = 1, 1 << 3
FCS_ENABLE, FCS_DREQ, FCS_CLEAR = 1, 1 << 3, 3 << 10
CS_ROUND_ROBIN_AT = 16
FCS_THRESHOLD_AT = 24

RING_BITS = 13
RING_BYTES = 1 << RING_BITS
FRAME_BYTES = 2 * EMG_CHANNELS
BLOCK_BYTES = FRAME_BYTES * EMG_FRAMES
# Two thirds of what the ring holds: a loop that is later than this does not trust it any more.
RING_MS = 2 * RING_BYTES * 1000 // (3 * FRAME_BYTES * EMG_RATE_HZ)
_ENDLESS = 0xFFFFFFFF


class RingConverter:
    """The converter of the chip, its DMA channel and their ring."""

    def __init__(self) -> None:
        for pin in (26, 27, 28):
            machine.ADC(machine.Pin(pin))
        self._memory = bytearray(2 * RING_BYTES)
        start = uctypes.addressof(self._memory)
        self._offset = -start % RING_BYTES  # the ring of a DMA channel begins at a multiple of its size
        self._base = start + self._offset
        self._dma = rp2.DMA()
        self._read_at = 0

    def start(self) -> None:
        """Sample from now on, with nothing waiting."""
        self.stop()
        ring = self._dma.pack_ctrl(
            size=1, inc_read=False, inc_write=True, ring_size=RING_BITS, ring_sel=True, treq_sel=ADC_DREQ
        )
        self._dma.config(read=ADC_BASE + ADC_FIFO, write=self._base, count=_ENDLESS, ctrl=ring, trigger=True)
        self._read_at = 0
        rate_hz = EMG_RATE_HZ * EMG_CHANNELS
        machine.mem32[ADC_BASE + ADC_DIV] = (ADC_CLOCK_HZ // rate_hz - 1) << 8
        machine.mem32[ADC_BASE + ADC_FCS] = FCS_CLEAR | FCS_ENABLE | FCS_DREQ | 1 << FCS_THRESHOLD_AT
        inputs = (1 << EMG_CHANNELS) - 1
        machine.mem32[ADC_BASE + ADC_CS] = CS_ENABLE | CS_START_MANY | inputs << CS_ROUND_ROBIN_AT

    def stop(self) -> None:
        """Stop sampling; empty the converter's own buffer."""
        machine.mem32[ADC_BASE + ADC_CS] = CS_ENABLE
        self._dma.active(0)
        machine.mem32[ADC_BASE + ADC_FCS] = FCS_CLEAR

    def waiting_bytes(self) -> int:
        """How much has been written that was not taken."""
        return int(self._dma.write - self._base - self._read_at) % RING_BYTES

    def take(self, size: int) -> bytes:
        """The oldest bytes that wait."""
        start = self._offset + self._read_at
        self._read_at = (self._read_at + size) % RING_BYTES
        over = start + size - self._offset - RING_BYTES
        if over <= 0:
            return bytes(self._memory[start : start + size])
        head = self._memory[start : self._offset + RING_BYTES]
        return bytes(head + self._memory[self._offset : self._offset + over])


class Rp2040Board(Board):
    """Converter, HX711, electrode pins and lamp."""

    def __init__(self, clock: aio.Clock) -> None:
        self.period_us = EMG_FRAMES * 1000000 // EMG_RATE_HZ
        zero_count, scale_nn = calibration.FORCE_ZERO_COUNT, calibration.FORCE_SCALE_NN
        self.streams = (
            calibration.emg_stream(EMG_RATE_HZ * 1000, EMG_FRAMES, EMG_CHANNELS, calibration.EMG_GAIN),
            calibration.force_stream(FORCE_RATE_HZ * 1000, zero_count, scale_nn),
        )
        self._clock = clock
        self._lamp = machine.Pin(25, machine.Pin.OUT, value=0)
        self._off = [machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_DOWN) for pin in (10, 11, 12)]
        self._emg = RingConverter()
        self._cell = hx711.Hx711(
            machine.Pin(14, machine.Pin.OUT, value=1),
            machine.Pin(15, machine.Pin.IN, machine.Pin.PULL_UP),
            hx711.A128,
            machine.disable_irq,
            machine.enable_irq,
        )
        self._forces: list[bytes] = []
        self._lost = [0, 0]
        self._wanted = 0
        self._flags = 0
        self._ready_ms = 0
        self._polled_ms = 0
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def start(self, wanted: int) -> None:
        """Power up what is wanted."""
        self._wanted = wanted
        self._forces, self._lost, self._flags = [], [0, 0], 0
        self._polled_ms = self._clock.now_ms()
        self._ready_ms = self._polled_ms + SETTLING_MS
        if wanted >> EMG & 1:
            self._emg.start()
        if wanted >> FORCE & 1:
            self._cell.power_up()
        self._lamp.value(1)

    def stop(self) -> None:
        """Power both down."""
        self._wanted = 0
        self._emg.stop()
        self._cell.power_down()
        self._lamp.value(0)

    def poll(self) -> None:
        """Read the HX711 when it is ready; look whether the ring can still be trusted."""
        now_ms = self._clock.now_ms()
        if self._wanted >> EMG & 1 and now_ms - self._polled_ms > RING_MS:
            self._lost[EMG] += (now_ms - self._polled_ms) * EMG_RATE_HZ // 1000
            self._emg.start()
        self._polled_ms = now_ms
        if self._wanted >> FORCE & 1:
            self._poll_cell(now_ms)

    def waiting(self, number: int) -> int:
        """Whole blocks that wait."""
        if not self._wanted >> number & 1:
            return 0
        return self._emg.waiting_bytes() // BLOCK_BYTES if number == EMG else len(self._forces)

    def take(self, number: int) -> bytes:
        """The oldest block."""
        return self._emg.take(BLOCK_BYTES) if number == EMG else self._forces.pop(0)

    def lost(self, number: int) -> int:
        """Frames lost before the oldest block, told once."""
        lost, self._lost[number] = self._lost[number], 0
        return lost

    def flags(self) -> int:
        """What was wrong since this was last asked."""
        flags, self._flags = self._flags, 0
        return flags

    def electrodes_off(self) -> int:
        """By the amplifiers' pins."""
        off = 0
        for index, pin in enumerate(self._off):
            off |= pin.value() << index
        return off

    def feed_watchdog(self) -> None:
        """Put the reset off by another second."""
        self._watchdog.feed()

    def _poll_cell(self, now_ms: int) -> None:
        if self._cell.is_ready():
            stuck = self._cell.stuck
            count = self._cell.read()
            if self._cell.stuck == stuck:
                self._ready_ms = now_ms
            if count is not None:
                self._keep_force(count)
        if now_ms - self._ready_ms > NOT_READY_MS:
            self._flags |= hub.FORCE_NOT_READY

    def _keep_force(self, count: int) -> None:
        self._flags |= hub.FORCE_SATURATED if hx711.is_saturated(count) else 0
        if len(self._forces) >= MOST_WAITING:
            self._forces.pop(0)
            self._lost[FORCE] += 1
        self._forces.append(hx711.frame(count))
