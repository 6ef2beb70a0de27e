"""Where the time of a token goes."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Floats
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served
from capplan.llm.spread import share_of


def decode_parts(served: Served, concurrency: Floats) -> dict[str, Floats]:
    """Return the seconds of a step that only decodes, by what they are spent on; together they are the step.

    weights: moving them, and multiplying with them. engine: launching kernels, and the host's work. exchange:
    all-reduces and what else GPUs send each other, where replicas are spread. drafts: what runs to speculate.
    """
    work, reached, draft, each = served.work, served.reached, served.drafting, served.each
    context = served.context
    idle = reached._replace(layer_s=0.0, step_s=0.0, sequence_s=0.0)
    alone = idle._replace(hop_s=0.0, link=np.inf, far_hop_s=0.0, far=np.inf)
    concurrency = share_of(concurrency, served.stages)
    whole, empty = (step_time(work, reached, concurrency, length, each=each) for length in (context, 0.0))
    computed, weights = (step_time(work, kept, concurrency, 0.0, each=each) for kept in (idle, alone))
    parts = {
        "weights": weights,
        "KV cache": whole - empty,
        "all-reduce" if work.apart is None else "exchange": computed - weights,
        "engine": empty - computed,
    }
    return parts if draft is None else parts | {"drafts": draft.time(concurrency, context)}
