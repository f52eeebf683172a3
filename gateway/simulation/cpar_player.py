"""How a CPAR+ plays one program, cycle by cycle.

Theory of operation
-------------------
A STEP sets the target and keeps it for its cycles, INC and DEC change it in each cycle, a TRIGGER takes no
time.  After the last repeat the target is zero.  The target stays within 0 and 100 kPa.  Units: Pa.
"""

from drivers import cpar_waveform as waveform


class Player:
    """One program on one outlet."""

    __slots__ = ("_at", "_cycles", "_operand", "_program", "_round")

    def __init__(self, program: waveform.SetWaveform) -> None:
        self._program = program
        self._at = 0
        self._cycles = 0
        self._round = 0
        self._operand = 0
        self._enter()

    @property
    def is_over(self) -> bool:
        """Whether every repeat has been played."""
        return self._round >= int(self._program.repeat)

    @property
    def target_pa(self) -> int:
        """The pressure that the outlet is to have in this cycle."""
        return self._operand * waveform.FULL_SCALE_PA // waveform.FULL_SCALE

    def cycle(self) -> None:
        """Let one cycle of 10 ms pass."""
        if self.is_over:
            return
        instruction = self._program.instructions[self._at]
        sign = {waveform.INCREASE: 1, waveform.DECREASE: -1}.get(instruction.opcode, 0)
        self._operand = max(0, min(waveform.FULL_SCALE, self._operand + sign * instruction.operand))
        self._cycles += 1
        if self._cycles >= instruction.cycles:
            self._at += 1
            self._enter()

    def _enter(self) -> None:
        """Begin the instruction that is due, past those that take no time."""
        self._cycles = 0
        while not self.is_over:
            if self._at >= len(self._program.instructions):
                self._at, self._round = 0, self._round + 1
                continue
            instruction = self._program.instructions[self._at]
            if instruction.opcode == waveform.STEP:
                self._operand = instruction.operand
            if instruction.opcode != waveform.TRIGGER and instruction.cycles:
                return
            self._at += 1
        self._operand = 0
