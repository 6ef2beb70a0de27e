"""What a plan says of speculation: with what the engine drafts, and whether that pays at the plan's load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from capplan.arrays import Floats, in_scenario
from capplan.components.llm import checks
from capplan.errors import InputError, Problem
from capplan.findings import Finding
from capplan.llm.architecture import Architecture
from capplan.llm.facts import LlmFacts, find_model, known_name
from capplan.llm.hardware import Engine
from capplan.llm.speculation import Speculation, acceptance_of, eagle_layer, mtp_layers
from capplan.plan.llm import Speculative
from capplan.plan.places import Places
from capplan.plan.problems import problems_of
from capplan.quantities import counted
from capplan.strictyaml import Locator, load

Where = Callable[[str], str]
"""The place of a field of what is said."""


def speculative_of(text: str, where: str) -> Speculative:
    """Return what an option says, written as in a plan; the braces may be left out."""
    whole = text if text.lstrip().startswith("{") else f"{{{text}}}"
    raw = load(whole, where)
    try:
        return Speculative.model_validate(raw)
    except ValidationError as error:
        raise InputError(*problems_of(error, Speculative, raw, Places(Locator(whole, where)))) from None


def speculation_of(
    said: Speculative | None, model: Architecture, engine: Engine, facts: LlmFacts, where: Where
) -> Speculation | None:
    """Return what the engine drafts, None for nothing; InputError for what it, or the model, cannot."""
    if said is None or np.all(said.tokens == 0):
        return None
    wrong = engine.accounting.without(said.method)
    if wrong:
        known = [method for method in engine.accounting.speculates if not engine.accounting.without(method)]
        others = f"It does with {', '.join(known)}." if known else "Leave speculative out."
        raise InputError(Problem(where("method"), f"{engine.name} {wrong}", others))
    acceptance = said.acceptance
    if acceptance is None:
        assert said.acceptance_length is not None
        acceptance = acceptance_of(said.tokens, said.acceptance_length)
    told = Speculation(said.method, said.tokens, acceptance)
    if said.model is not None:
        return _drafted(told, said.model, model, facts, where)
    if said.method == "ngram":
        return told
    found = mtp_layers(model)
    if found is None:
        what = f"{model.name} has no layers that predict further tokens"
        raise InputError(Problem(where("method"), what, "Choose eagle, draft or ngram."))
    return told._replace(draft=found[0], layers=found[1], shares=True)


def _drafted(told: Speculation, name: str, model: Architecture, facts: LlmFacts, where: Where) -> Speculation:
    """Return what is drafted by a model, or a head, of the ``name``."""
    if told.method != "draft" and "/" in name and known_name(name, facts["models"]) is None:
        head = eagle_layer(model)
        if head is None:
            what = f"the sizes of {name} are unknown, and {model.name} has no dense layer like its own"
            remedy = "Import the head's config.json, and name the file as architectures."
            raise InputError(Problem(where("model"), what, remedy))
        return told._replace(draft=head, shares=True, checkpoint=name)
    draft = find_model(name, facts, where("model"))
    if told.method == "draft" and draft.vocabulary != model.vocabulary:
        what = f"{draft.name} has a vocabulary of {draft.vocabulary:,.0f} tokens"
        what += f", {model.name} one of {model.vocabulary:,.0f}: engines refuse a draft model of another"
        raise InputError(Problem(where("model"), what, "Choose a smaller model of the same family."))
    checkpoint = name if "/" in name else facts["models"][draft.name].get("repository", "")
    return told._replace(draft=draft, checkpoint=checkpoint)


class AtLoad(NamedTuple):
    """What comes of drafting ``tokens`` in the busiest hour: seconds of a token, and replicas needed."""

    tokens: Floats
    tpot_s: Floats
    replicas: Floats

    def worse(self, other: AtLoad) -> NDArray[np.bool_]:
        """Say in which scenarios a token takes longer than with the other, or more replicas are needed."""
        slower = np.asarray(self.tpot_s) > other.tpot_s
        return np.ravel(slower | (np.asarray(self.replicas) > other.replicas))

    def said(self, where: int) -> str:
        """Return both as people read them."""
        tpot_s = in_scenario(self.tpot_s, where)
        time = f"{1e3 * tpot_s:.3g} ms" if np.isfinite(tpot_s) else "ever longer"
        return f"{time} a token and {counted(in_scenario(self.replicas, where), 'replica')}"


def slowed(name: str, chosen: AtLoad, plain: AtLoad, fewer: Iterable[AtLoad]) -> Iterator[Finding]:
    """Yield that drafts do not pay in the plan's busiest hour, and how many of them would."""
    worse = chosen.worse(plain)
    if not np.any(worse):
        return
    where = int(np.argmax(worse))
    message = f"drafts do not pay in the busiest hour: {chosen.said(where)}, {plain.said(where)} without them"
    paying = [one for one in fewer if not np.any(one.worse(plain))]
    best = min(paying, key=lambda one: in_scenario(one.tpot_s, where), default=None)
    tokens = 0.0 if best is None else in_scenario(best.tokens)
    yield checks.LLM_SPECULATION.finding(name, message, f"Set llm.{name}.speculative.tokens to {tokens:g}.")
