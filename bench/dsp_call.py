"""What calling a compiled function from Python costs: no row at one frame a call can be below it.

The function is ``len``, which does nothing with its chunk but look at its size; it is called as kernels are.
"""

import numpy as np

from bench.dsp_contest import Contest, consume, pieces

FRAMES = 8000


def python_call(chunk: int, lanes: int) -> Contest:
    """There is nothing to compare with: C calls nothing here."""
    chunks = pieces(np.zeros((FRAMES, 2)), chunk)
    return Contest(len(chunks), lambda: consume(len, chunks))


CONTESTS = {"python_call": (python_call, (1,))}
