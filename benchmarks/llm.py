"""How fast the LLM model is: a full ranking, and the simulator. Prints JSON."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import RATES
from capplan.components.llm_facts import facts_of
from capplan.components.llm_offers import everywhere, offers
from capplan.components.llm_options import Demand, rank
from capplan.llm.capacity import Promise
from capplan.llm.configuration import Configuration
from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
from capplan.llm.fit import sequences_that_fit
from capplan.llm.look import COUNTS, Asked, configurations
from capplan.llm.simulator import Replica, poisson, simulate


def ranking() -> dict[str, float]:
    """Rank everything that every provider sells, for one model; the catalog is read before."""
    catalog = Catalog()
    facts = facts_of(catalog)
    sold = list(offers(catalog, everywhere(catalog)))
    gpus = [find_gpu(name, facts) for name in dict.fromkeys(o.gpu for o in sold) if name in facts["gpus"]]
    tried = configurations(find_model("llama-3.1-8b", facts), gpus, None, COUNTS, find_engine("vllm", facts))
    asked = Asked(1200, 200, 0.0, Promise(0.1, 3.0))
    demand = Demand(20 + 15 * np.sin(np.arange(168) / 24 * 2 * np.pi), 730, 0.7)
    start = perf_counter()
    found = rank(tried, sold, asked, demand, facts, RATES)
    return {"configurations": len(tried), "options": len(found), "seconds": perf_counter() - start}


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
    room = float(sequences_that_fit(one.memory(), 1400, reached))
    replica = Replica(one.work(), reached, one.engine, room * 1400)
    requests = poisson(1200, 200, 3.0, 10_000)
    start = perf_counter()
    simulate(replica, requests)
    seconds = perf_counter() - start
    return {"requests": 10_000, "seconds": seconds, "requests_per_s": 10_000 / seconds}


if __name__ == "__main__":
    json.dump({"ranking": ranking(), "simulator": simulator()}, sys.stdout, indent=2)
    print()
