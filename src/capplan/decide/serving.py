"""What expressions can ask about a model on GPUs: does it fit, and how fast is it."""

from __future__ import annotations

from collections.abc import Mapping

from capplan.catalog.catalog import Catalog


def serving(
    catalog: Catalog,
    model: str,
    precision: str,
    gpu: str,
    count: float = 1.0,
    input_tokens: float = 1000.0,
    output_tokens: float = 500.0,
) -> Mapping[str, float | bool]:
    """Return figures of one replica: ``count`` GPUs that serve ``model`` at ``precision``.

    weights_gb and usable_gb in 10⁹ bytes; fits: there is room for the weights and one request; sequences:
    requests in progress that fit. tokens_per_second and first_token_ms are those of one user alone.
    """
    from capplan.llm.configuration import Configuration
    from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
    from capplan.llm.fit import sequences_that_fit
    from capplan.llm.serving import Served, prompt_time, stream_throughput

    facts = {**catalog.facts("models"), **catalog.facts("gpus")}
    configuration = Configuration(
        find_model(model, facts),
        find_precision(precision),
        find_gpu(gpu, facts),
        count,
        find_engine("vllm", facts),
    )
    work, reached, memory = configuration.work(), configuration.reached(facts), configuration.memory()
    fitting = sequences_that_fit(memory, input_tokens + output_tokens)
    alone = Served(work, reached, input_tokens, output_tokens, 1.0)
    return {
        "weights_gb": float(memory.weights) / 1e9,
        "usable_gb": float(memory.usable) / 1e9,
        "fits": bool(fitting >= 1) and not configuration.obstacles(),
        "sequences": float(fitting),
        "tokens_per_second": float(stream_throughput(alone)),
        "first_token_ms": 1000.0 * float(prompt_time(alone)),
    }
