"""The kernels of dsp/ in the usual Python way: numpy and scipy.signal with carried state.

Theory of operation
-------------------
What a careful person writes who streams with numpy: a class that carries filter states and what is left of
the last block, and array expressions for each chunk.  It does the same as the kernel and is checked against
it before anything is timed; frames that are blanked are rare, so their way is written to be right.
"""

import importlib
from typing import Any

import numpy as np

signal: Any = importlib.import_module("scipy.signal")  # it has no types of its own

Array = np.ndarray[Any, Any]


class UsualEmg:
    """The chain of ``dsp.emg``: ``push(bytes)`` returns the rows of the blocks that it finished."""

    def __init__(self, settings: dict[str, Any], sos: Array, threshold: float, stimuli: list[int]) -> None:
        self.settings, self.sos, self.threshold = settings, sos, threshold
        self.channels = settings["channels"]
        self.stimuli = np.array(stimuli, dtype=np.int64)
        self.frame, self.zi, self.held = 0, None, np.zeros(self.channels)
        self.last_two = np.zeros((2, self.channels))
        self.left = [np.empty((0, self.channels)) for _ in range(3)]
        self.left_clean = np.empty(0, dtype=bool)
        self.blocks: list[tuple[Array, int]] = []
        self.above = np.zeros(self.channels, dtype=int)
        self.below = np.zeros(self.channels, dtype=int)
        self.active = np.zeros(self.channels, dtype=bool)

    def push(self, chunk: bytes) -> list[Array]:
        raw = np.frombuffer(chunk, dtype="<i2").reshape(-1, self.channels)
        x = raw * self.settings["microvolts_per_count"]
        clean = self._clean(len(x))
        x = self._blank(x, clean)
        if self.zi is None:
            self.zi = signal.sosfilt_zi(self.sos)[:, :, np.newaxis] * x[0]
        y, self.zi = signal.sosfilt(self.sos, x, axis=0, zi=self.zi)
        padded = np.concatenate((self.last_two, y))
        psi = np.abs(padded[1:-1] ** 2 - padded[:-2] * padded[2:])
        self.last_two = padded[-2:]
        new = (raw.astype(float), y, psi)
        self.left = [np.concatenate(pair) for pair in zip(self.left, new, strict=True)]
        self.left_clean = np.concatenate((self.left_clean, clean))
        self.frame += len(x)
        rows = []
        while len(self.left_clean) >= self.settings["block_frames"]:
            rows.append(self._finish_block())
        return rows

    def _clean(self, count: int) -> Array:
        """Which of the next frames are not near a stimulus."""
        clean = np.ones(count, dtype=bool)
        before, after = self.settings["blank_before"], self.settings["blank_after"]
        near = self.stimuli[
            (self.stimuli + after >= self.frame) & (self.stimuli - before < self.frame + count)
        ]
        for stimulus in near:
            clean[max(0, stimulus - before - self.frame) : max(0, stimulus + after + 1 - self.frame)] = False
        return clean

    def _blank(self, x: Array, clean: Array) -> Array:
        if not clean.all():
            newest = np.maximum.accumulate(np.where(clean, np.arange(1, len(x) + 1), 0))
            x = np.concatenate((self.held[np.newaxis], x))[newest]
        self.held = x[-1]
        return x

    def _finish_block(self) -> Array:
        size = self.settings["block_frames"]
        (raw, y, psi), clean = [part[:size] for part in self.left], self.left_clean[:size]
        self.left, self.left_clean = [part[size:] for part in self.left], self.left_clean[size:]
        count = int(np.count_nonzero(clean))
        self.blocks.append((np.sum(y[clean] ** 2, axis=0), count))
        del self.blocks[: -self.settings["window_blocks"]]
        frames = sum(block[1] for block in self.blocks)
        rms, mean, quality = np.full((3, self.channels), np.nan)
        if len(self.blocks) == self.settings["window_blocks"] and frames:
            rms = np.sqrt(np.sum([block[0] for block in self.blocks], axis=0) / frames)
        quality = np.zeros(self.channels)
        if count:
            mean = psi[clean].mean(axis=0)
            low, high = raw[clean].min(axis=0), raw[clean].max(axis=0)
            quality = 2.0 * ((low == -32768) | (high == 32767)) + (low == high) * float(count > 1)
        above = mean > self.threshold
        self.above, self.below = np.where(above, self.above + 1, 0), np.where(above, 0, self.below + 1)
        self.active |= self.above >= self.settings["hold_blocks"]
        self.active &= self.below < self.settings["release_blocks"]
        return np.concatenate((rms, mean, self.active.astype(float), quality, [count]))
