"""Contests of EMG: 8 channels at 2 kHz, blocks of 10 ms, RMS over 100 ms, four sections."""

from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, collected, consume, pieces, same
from bench.dsp_usual import UsualEmg, signal
from dsp.design import bandpass
from dsp.emg import EmgChain
from dsp.emg_definitions import MAD_TO_DEVIATION, TEAGER_MAD_DRAFT, EmgDefinition, blocks_in, chain_for
from dsp.spasm import Activity, activity

CHUNKS = (1, 16, 64)

SETTINGS: dict[str, Any] = {
    "channels": 8,
    "microvolts_per_count": 0.1,
    "block_frames": 20,
    "window_blocks": 10,
    "hold_blocks": 5,
    "release_blocks": 5,
    "blank_before": 2,
    "blank_after": 20,
}
THRESHOLD = 4000.0
FRAMES = 8000
FRAMES_IN_PYTHON = 800


def recording(frames: int) -> Array:
    """Noise with a burst in the middle, int16 [frames][8]."""
    noise = np.random.default_rng(1).normal(0.0, 300.0, (frames, 8))
    noise[frames // 3 : frames // 2] *= 6.0
    return noise.round().clip(-32768, 32767).astype("<i2")


def emg_chain(chunk: int, lanes: int) -> Contest:
    """One stimulus in the recording, so that blanking is there; between pulses it costs a comparison."""
    frames, stimuli = recording(FRAMES), [FRAMES_IN_PYTHON // 2]
    sections = bandpass(4, 20.0, 450.0, 2000.0)

    def chain() -> EmgChain:
        new = EmgChain(chunk, sections=sections, **SETTINGS)
        new.use_lanes(lanes)
        for channel in range(8):
            new.set_threshold(channel, THRESHOLD)
        new.stimulus(stimuli[0])
        return new

    def usual() -> UsualEmg:
        return UsualEmg(SETTINGS, np.array(sections.standard()), THRESHOLD, stimuli)

    plain = dsp_plain.PlainEmg(
        dsp_plain.library(),
        SETTINGS,
        sections.coefficients,
        SETTINGS["microvolts_per_count"] * sections.gain,
        THRESHOLD,
        stimuli,
        frames,
    )
    chunks, few = pieces(frames, chunk), pieces(frames[:FRAMES_IN_PYTHON], chunk)
    made = collected(chain(), chunks)
    same("plain C", made, plain.out[: plain.run(chunk)], 0.0)
    fresh = usual()
    rows = [row for piece in few for row in fresh.push(piece)]
    same("the usual way", made[: sum(map(len, rows))], np.concatenate(rows), 1e-9)
    return Contest(
        calls=len(chunks),
        ours=lambda: consume(chain().push, chunks),
        python=lambda: consume(usual().push, few),
        python_calls=len(few),
        c=lambda: lambda: plain.run(chunk),
    )


SPASM_FRAMES = 120_000
BASELINE_S = (0.0, 15.0)


def spasm_recording(chunk: int, lanes: int) -> Contest:
    """Thresholds and episodes of ``chunk`` frames of 8 channels by the shipped definition.

    Plain C does the chain alone, over the baseline and over the recording, without medians and episodes: it
    has less to do.
    """
    frames, definition = recording(chunk), TEAGER_MAD_DRAFT
    data = frames.tobytes()

    def ours() -> Activity:
        return activity(
            data, definition, rate_hz=2000.0, microvolts_per_count=0.1, channels=8, baseline_s=BASELINE_S
        )

    made = ours()
    settings = settings_of(definition)
    sections = bandpass(definition.order, definition.low_hz, definition.high_hz, 2000.0)
    plain = [
        dsp_plain.PlainEmg(
            dsp_plain.library(), settings, sections.coefficients, 0.1 * sections.gain, np.inf, [], part
        )
        for part in (frames[: round(2000.0 * BASELINE_S[1])], frames)
    ]

    def c() -> None:
        for one in plain:
            one.run(4096)

    def usual() -> Array:
        return usual_detector(frames, settings, np.array(sections.standard()), definition)[0]

    c()
    energies = np.array(made.rows).reshape(-1, 33)[:, 8:16]
    same("plain C", energies, plain[1].out.reshape(-1, 33)[: len(energies), 8:16].copy(), 0.0)
    same("the usual way", [one.value_uv2 for one in made.thresholds], usual(), 1e-9)
    return Contest(1, lambda: ours, lambda: usual, 1, lambda: c)


def settings_of(definition: EmgDefinition) -> dict[str, Any]:
    """Of the chain that the definition asks for at 2 kHz."""
    chain = chain_for(definition, 2000.0, 0.1, 8, 1)
    block = definition.block_ms
    return {
        **SETTINGS,
        "block_frames": round(2.0 * block),
        "window_blocks": blocks_in(definition.window_ms, block),
        "hold_blocks": blocks_in(definition.hold_ms, block),
        "release_blocks": blocks_in(definition.release_ms, block),
        "blank_before": chain.blank_before,
        "blank_after": round(2.0 * definition.blank_after_ms),
    }


def usual_detector(
    frames: Array, settings: dict[str, Any], sos: Array, definition: EmgDefinition
) -> tuple[Array, list[Array]]:
    """scipy and numpy over whole arrays: thresholds, and the blocks of each channel's episodes."""
    baseline = _usual_energies(frames[: round(2000.0 * BASELINE_S[1])], settings, sos)
    middle = np.median(baseline, axis=0)
    spread = np.median(np.abs(baseline - middle), axis=0)
    thresholds = middle + definition.deviations * MAD_TO_DEVIATION * spread
    energies = _usual_energies(frames, settings, sos)
    found = [_usual_episodes(energies[:, c] > thresholds[c], settings, definition) for c in range(8)]
    return np.asarray(thresholds), found


def _usual_energies(frames: Array, settings: dict[str, Any], sos: Array) -> Array:
    """The mean energy of each block; the RMS of each is made too, as by the chain, and not looked at."""
    x = frames * 0.1
    y, _ = signal.sosfilt(sos, x, axis=0, zi=signal.sosfilt_zi(sos)[:, :, np.newaxis] * x[0])
    padded = np.concatenate((np.zeros((2, 8)), y))
    psi = np.abs(padded[1:-1] ** 2 - padded[:-2] * padded[2:])
    size = settings["block_frames"]
    blocks = len(psi) // size
    np.sqrt((y[: blocks * size] ** 2).reshape(blocks, size, 8).mean(axis=1))
    return np.asarray(psi[: blocks * size].reshape(blocks, size, 8).mean(axis=1))


def _usual_episodes(is_above: Array, settings: dict[str, Any], definition: EmgDefinition) -> Array:
    """Bursts of the length to hold, those that are close merged."""
    bursts = _merged(usual_runs(is_above), settings["release_blocks"])
    held = bursts[bursts[:, 1] - bursts[:, 0] >= settings["hold_blocks"]]
    return _merged(held, definition.merge_gap_ms / definition.block_ms)


def usual_runs(marks: Array) -> Array:
    """Beginnings and ends of the stretches that are marked."""
    padded = np.concatenate(([0], marks.astype(np.int8), [0]))
    return np.flatnonzero(np.diff(padded)).reshape(-1, 2)


def _merged(runs: Array, apart: float) -> Array:
    """Runs that are less than this apart are one."""
    breaks = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] >= apart)
    begins, ends = runs[np.append(0, breaks + 1)[: len(runs)], 0], runs[np.append(breaks, -1)[: len(runs)], 1]
    return np.stack((begins, ends), axis=1)


CONTESTS = {"emg_chain": (emg_chain, CHUNKS), "spasm_recording": (spasm_recording, (SPASM_FRAMES,))}
