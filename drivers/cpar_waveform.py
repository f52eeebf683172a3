"""What a CPAR+ plays: programs of pressures and durations, and their quantities. Sans-IO, portable.

Theory of operation
-------------------
An *instruction* is 48 bits, little endian: opcode (2), operand (30), duration in cycles of 10 ms (16).
Operand of STEP: the pressure as a share of 100 kPa, full scale 3FFFFFFF; of INC and DEC: the same for the
change in one *cycle* (a rise in kPa/s divided by 100); of TRIGGER: a time in cycles.  A program lasts 600 s
at most, repeats included.

The device answers a program with the CRC-8 (polynomial 07) of its instructions.  It catches any three flipped
bits in the two instructions of a hold (96 bits; distance 4 up to 119), and covers neither channel nor repeat.

Source: the maker's client (labbench-comm 0.1.3).  Unconfirmed on hardware.
Units: pressures Pa or 0.1 mmHg (1 mmHg = 133.322 Pa), times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from firmware_bridge.checksums import crc8
from firmware_bridge.errors import EncodingError

TRIGGER = 0
INCREASE = 1
DECREASE = 2
STEP = 3

CHANNEL_1 = 0
CHANNEL_2 = 1
NO_CHANNEL = 2

CYCLE_MS = 10
LONGEST_PROGRAM_MS = 600_000
MOST_INSTRUCTIONS = 256
FULL_SCALE = 0x3FFFFFFF
FULL_SCALE_PA = 100_000
FULL_COUNTS = 4095
SUPPLY_FULL_SCALE_PA = 1_000_000

_INSTRUCTION_BYTES = 6
# 1 mmHg = 133.322 Pa, here and in pascals below as ten-thousandths of a pascal.
_PER_DMMHG = 133_322
_PER_PA = 10_000

# opcode; operand: 0 to FULL_SCALE; cycles: duration in 10 ms
Instruction = namedtuple("Instruction", ("opcode", "operand", "cycles"))
SetWaveform = namedtuple("SetWaveform", ("channel", "repeat", "instructions"))


def operand_of_pa(pressure_pa: int) -> int:
    """The operand of a STEP to this pressure, cut down; raises ``EncodingError`` outside 0 to 100 kPa."""
    _require(0 <= pressure_pa <= FULL_SCALE_PA, "pressure in Pa", pressure_pa, "0 to 100000")
    return pressure_pa * FULL_SCALE // FULL_SCALE_PA


def operand_of_dmmhg(pressure_dmmhg: int) -> int:
    """The same for a pressure in 0.1 mmHg: never above what was asked for."""
    pressure, full = pressure_dmmhg * _PER_DMMHG, FULL_SCALE_PA * _PER_PA
    _require(0 <= pressure <= full, "pressure in 0.1 mmHg", pressure_dmmhg, "0 to 7500")
    return pressure * FULL_SCALE // full


def operand_of_slope(pa_per_s: int) -> int:
    """The operand of an INC or DEC: the change in one cycle."""
    return operand_of_pa(pa_per_s) // (1000 // CYCLE_MS)


def cycles_of_ms(duration_ms: int) -> int:
    """Whole cycles within this time; raises ``EncodingError`` beyond 600 s."""
    _require(0 <= duration_ms <= LONGEST_PROGRAM_MS, "duration in ms", duration_ms, "0 to 600000")
    return duration_ms // CYCLE_MS


def counts_of_operand(operand: int) -> int:
    """What the device reports for a target with this operand, to the nearest count."""
    return (operand * FULL_COUNTS + FULL_SCALE // 2) // FULL_SCALE


def dmmhg_of_counts(counts: int, full_scale_pa: int = FULL_SCALE_PA) -> int:
    """A reading in 0.1 mmHg, to the nearest."""
    divisor = FULL_COUNTS * _PER_DMMHG
    return (counts * full_scale_pa * _PER_PA + divisor // 2) // divisor


def program_ms(waveform: SetWaveform) -> int:
    """How long a program lasts, repeats included; a trigger takes no time."""
    cycles: int = sum([one.cycles for one in waveform.instructions if one.opcode != TRIGGER])
    return int(waveform.repeat) * cycles * CYCLE_MS


def waveform_crc(waveform: SetWaveform) -> int:
    """The CRC-8 with which the device must answer this program."""
    return crc8(_instruction_bytes(waveform.instructions))


def content_of(waveform: SetWaveform) -> bytes:
    """What travels of a program. Raises ``EncodingError`` for one that the device cannot have."""
    _require(waveform.channel in (CHANNEL_1, CHANNEL_2), "channel", waveform.channel, "0 or 1")
    _require(1 <= waveform.repeat <= 0xFF, "repeat", waveform.repeat, "1 to 255")
    number = len(waveform.instructions)
    _require(1 <= number <= MOST_INSTRUCTIONS, "number of instructions", number, "1 to 256")
    lasts_ms = program_ms(waveform)
    _require(lasts_ms <= LONGEST_PROGRAM_MS, "length of the program in ms", lasts_ms, "up to 600000")
    return bytes((waveform.channel, waveform.repeat)) + _instruction_bytes(waveform.instructions)


def waveform_of(content: bytes) -> SetWaveform | None:
    """The program that travelled, ``None`` for a length that no program has."""
    program = content[2:]
    number, odd = divmod(len(program), _INSTRUCTION_BYTES)
    if odd or not 1 <= number <= MOST_INSTRUCTIONS:
        return None
    pieces = [program[at : at + _INSTRUCTION_BYTES] for at in range(0, len(program), _INSTRUCTION_BYTES)]
    return SetWaveform(content[0], content[1], tuple([_instruction(piece) for piece in pieces]))


def _instruction(piece: bytes) -> Instruction:
    bits = int.from_bytes(piece, "little")
    return Instruction(bits >> 46, bits >> 16 & FULL_SCALE, bits & 0xFFFF)


def _instruction_bytes(instructions: tuple[Instruction, ...]) -> bytes:
    return b"".join([_bits_of(one).to_bytes(_INSTRUCTION_BYTES, "little") for one in instructions])


def _bits_of(instruction: Instruction) -> int:
    _require(TRIGGER <= instruction.opcode <= STEP, "opcode", instruction.opcode, "0 to 3")
    _require(0 <= instruction.operand <= FULL_SCALE, "operand", instruction.operand, "up to 3FFFFFFF hex")
    _require(0 <= instruction.cycles <= 0xFFFF, "cycles", instruction.cycles, "0 to 65535")
    bits: int = instruction.opcode << 46 | instruction.operand << 16 | instruction.cycles
    return bits


def _require(holds: bool, name: str, value: int, allowed: str) -> None:
    if not holds:
        raise EncodingError(f"CPAR+ {name} {value} does not exist: use {allowed}")
