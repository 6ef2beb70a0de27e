"""Speculative decoding: something cheap drafts tokens, and one step of the model verifies all of them.

Leviathan, Kalman and Matias 2023. A drafted token is accepted by the same chance, whatever those before it
were; a step emits the accepted ones and one of the model's own. So it is quicker where moving weights takes
the time of a step, and slower where multiplying with them does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.llm.architecture import Architecture
from capplan.llm.hardware import Efficiency
from capplan.llm.layers import Layers
from capplan.llm.roofline import Work, step_time


class Speculation(NamedTuple):
    """What an engine is told of drafting, and what drafts.

    tokens: drafted in a step, 0 for none; acceptance: chance that one is accepted if those before it are.
    draft: what computes them, None where they are looked up in the text; layers: how many of it are held, one
    of which runs for each token. shares: it uses the model's own embeddings and output layer. checkpoint: its
    name for the engine. Numbers may be arrays over scenarios.
    """

    method: str
    tokens: Any
    acceptance: Any
    draft: Architecture | None = None
    layers: float = 1.0
    shares: bool = False
    checkpoint: str = ""


class Drafting(NamedTuple):
    """How drafting runs on a replica: tokens in a step, chance of each, and what one pass of the draft takes.

    work, reached: None where drafts are looked up, which is free.
    """

    tokens: Floats
    acceptance: Floats
    work: Work | None = None
    reached: Efficiency | None = None

    @property
    def emitted(self) -> Floats:
        """Tokens that a step emits on average."""
        return emitted(self.tokens, self.acceptance)

    def time(self, decodes: Floats, context: Floats, *prompts: Floats) -> Floats:
        """Return the seconds of a step's drafts, what the host does for them included.

        The first pass reads ``prompts`` too (:func:`step_time`), as the model does.
        """
        if self.work is None or self.reached is None:
            return 0.0
        further = step_time(self.work, self.reached._replace(step_s=0.0), decodes, context)
        first = step_time(self.work, self.reached, decodes, context, *prompts)
        return np.minimum(self.tokens, 1.0) * first + np.maximum(self.tokens - 1.0, 0.0) * further


def emitted(tokens: Floats, acceptance: Floats) -> Floats:
    """Return the tokens of a step that drafts ``tokens``: 1 + α + … + α^γ = (1 − α^(γ+1)) ÷ (1 − α)."""
    most, refused = tokens + 1.0, np.maximum(1.0 - acceptance, 1e-9)
    found: Floats = np.where(acceptance > 1 - 1e-9, most, (1.0 - acceptance**most) / refused)
    return found


def acceptance_of(tokens: Floats, length: Floats) -> Array:
    """Return the acceptance at which steps emit ``length`` tokens on average, by bisection."""
    low = np.zeros(np.broadcast(tokens, length).shape)
    high = low + 1.0
    for _ in range(50):
        middle = (low + high) / 2
        above = emitted(tokens, middle) > length
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high


def steps_of(outputs: int, tokens: int, acceptance: float, rng: np.random.Generator) -> int:
    """Return in how many steps, drawn at random, a sequence gets the ``outputs`` after its first token."""
    most = max(outputs - 1, 1)
    drawn = rng.geometric(max(1.0 - acceptance, 1e-9), most)
    return int(np.searchsorted(np.cumsum(np.minimum(drawn, tokens + 1)), most)) + 1


def mtp_layers(model: Architecture) -> tuple[Architecture, float] | None:
    """Return one of the layers that predict further tokens, and how many there are; None without any."""
    layers = [_layer(model, group) for group in model.groups]
    counts = [(layer, model.drafts / _weights(layer)) for layer in layers]
    whole = [(layer, count) for layer, count in counts if count > 0.5]
    if not whole:
        return None
    layer, count = min(whole, key=lambda each: abs(each[1] - round(each[1])))
    return layer, float(round(count))


def eagle_layer(model: Architecture) -> Architecture | None:
    """Return EAGLE's head for the model: a layer as its own (Li et al. 2024); None where none is dense."""
    dense = [group for group in model.groups if group.experts == 1 and group.ffn and group.query_heads]
    return _layer(model, dense[-1]) if dense else None


def _layer(model: Architecture, group: Layers) -> Architecture:
    """Return one layer, before which a token and the hidden state of the last are joined."""
    joined = group.mixer(model.hidden) + 2 * model.hidden**2
    alone = group._replace(layers=1.0, mixer_weights=joined)
    return model._replace(groups=(alone,), tied=True, tower=0, lookup=0, drafts=0)


def _weights(layer: Architecture) -> float:
    return layer.total_parameters - layer.head_parameters
