"""How fast the LLM model is: a full ranking, and the simulator. Prints JSON."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

from capplan.capacity.sizing import Bounds
from capplan.catalog.catalog import Catalog
from capplan.components.llm.bills import WAYS
from capplan.components.llm.facts import facts_of
from capplan.components.llm.offers import everywhere, offers
from capplan.components.llm.options import ServingDemand, rank
from capplan.llm.capacity import TokenPromise
from capplan.llm.configuration import Configuration
from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
from capplan.llm.fit import sequences_that_fit
from capplan.llm.look import COUNTS, RequestShape, configurations
from capplan.llm.simulator import SimulatedReplica, poisson, simulate
from capplan.plan.llm import ColdStart

MODELS = ("llama-3.1-8b", "mistral-7b", "qwen3-32b", "llama-3.1-70b", "gpt-oss-120b")


def ranking() -> dict[str, float]:
    """Rank everything that every provider sells, for several models; the catalog is read before."""
    catalog = Catalog()
    facts = facts_of(catalog)
    sold = list(offers(catalog, everywhere(catalog)))
    gpus = [find_gpu(name, facts) for name in dict.fromkeys(o.gpu for o in sold) if name in facts["gpus"]]
    engine = find_engine("vllm", facts)
    rps = 20 + 15 * np.sin(np.arange(168) / 24 * 2 * np.pi)
    demand = ServingDemand(rps, 730, 0.7, Bounds(1.0, None), ColdStart())
    asked = RequestShape(1200, 200, 0.0, TokenPromise(0.1, 3.0))
    count = options = 0
    start = perf_counter()
    for name in MODELS:
        tried = configurations(find_model(name, facts), gpus, None, COUNTS, engine)
        count += len(tried)
        options += len(rank(tried, sold, asked, demand, facts, WAYS))
    seconds = perf_counter() - start
    return {"models": len(MODELS), "configurations": count, "options": options, "seconds": seconds}


def simulator() -> dict[str, float]:
    """Simulate ten thousand requests at two thirds of what a replica carries."""
    facts = facts_of(Catalog())
    one = Configuration(
        find_model("llama-3.1-8b", facts),
        find_precision("fp8"),
        find_gpu("L4", facts),
        1,
        find_engine("vllm", facts),
    )
    reached = one.reached(facts)
    room = float(sequences_that_fit(one.memory(), 1400))
    replica = SimulatedReplica(one.work(), reached, one.engine, room * 1400)
    requests = poisson(1200, 200, 3.0, 10_000)
    start = perf_counter()
    simulate(replica, requests)
    seconds = perf_counter() - start
    return {"requests": 10_000, "seconds": seconds, "requests_per_s": 10_000 / seconds}


if __name__ == "__main__":
    json.dump({"ranking": ranking(), "simulator": simulator()}, sys.stdout, indent=2)
    print()
