"""Where the time of a token goes."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Floats
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served


def decode_parts(served: Served, concurrency: Floats) -> dict[str, Floats]:
    """Return the seconds of a step that only decodes, by what they are spent on; together they are the step.

    weights: moving them, and multiplying with them. engine: launching kernels, and the host's work.
    """
    work, reached = served.work, served.reached
    context = served.inputs + served.outputs / 2
    idle = reached._replace(layer_s=0.0, step_s=0.0, sequence_s=0.0)
    alone = idle._replace(hop_s=0.0, link=np.inf)
    whole, empty = (step_time(work, reached, concurrency, length) for length in (context, 0.0))
    computed, weights = (step_time(work, kept, concurrency, 0.0) for kept in (idle, alone))
    return {
        "weights": weights,
        "KV cache": whole - empty,
        "all-reduce": computed - weights,
        "engine": empty - computed,
    }
