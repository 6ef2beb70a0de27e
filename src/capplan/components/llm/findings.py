"""What is wrong or doubtful with how a model is served."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.arrays import Floats
from capplan.capacity.sizing import Sizing
from capplan.components import checks
from capplan.components.llm import checks as llm_checks
from capplan.components.llm.fleet import delays_of
from capplan.components.llm.replica import Replica
from capplan.findings import Finding
from capplan.llm.alternatives import would_fit
from capplan.llm.confidence import confidence_of, range_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts
from capplan.llm.flags import said_again
from capplan.llm.lengths import RequestLengths
from capplan.llm.look import RequestShape
from capplan.plan.llm import Llm
from capplan.quantities import plain


def obstacles(
    name: str, chosen: Configuration, llm: Llm, facts: LlmFacts, lengths: RequestLengths | None
) -> Iterator[Finding]:
    """Yield why the configuration cannot serve at all."""
    inputs, outputs, of = llm.input_tokens, llm.output_tokens, ""
    asked = RequestShape(inputs, outputs, lengths=lengths)
    too_long = asked.too_long(chosen)
    if too_long:
        remedy = "Choose a model with a longer context."
        remedy = remedy if chosen.told.longest is None else "Raise workload.vllm.max_model_len."
        yield llm_checks.LLM_CONTEXT.finding(name, too_long, remedy)
        return
    again = said_again("vllm", llm.workload.args) if llm.workload and llm.engine == "vllm" else []
    if again:
        message = f"workload.args has {again[0]}, which capplan writes for vLLM itself"
        yield llm_checks.LLM_CANNOT_RUN.finding(name, message, "Say it in the component or in workload.vllm.")
        return
    if lengths is not None:
        inputs, outputs, of = asked.longest(), 0.0, f" of {asked.longest():,.0f} tokens"
    wrong = chosen.obstacles()
    if wrong:
        instead = _instead(chosen, llm, (inputs, outputs), facts)
        yield llm_checks.LLM_CANNOT_RUN.finding(name, "; ".join(wrong), instead)
        return
    reached = chosen.reached(facts)
    tokens = inputs + reached.growth * outputs
    missing = float(np.max(chosen.memory().missing(tokens))) / 1e9
    if missing > 0:
        message = (
            f"{chosen.model.name} at {chosen.precision.name} does not fit {chosen.hardware()}: "
            f"{missing:.1f} GB short for the weights and one request{of}"
        )
        instead = _instead(chosen, llm, (inputs, outputs), facts)
        yield llm_checks.LLM_DOES_NOT_FIT.finding(name, message, instead)


def _instead(chosen: Configuration, llm: Llm, tokens: tuple[Floats, Floats], facts: LlmFacts) -> str:
    pool = "decode" if llm.disaggregated else chosen.pool
    would = would_fit(chosen._replace(pool=pool), *tokens, facts)
    divide = "" if pool else ": divide it with pipeline_parallel"
    return f"{would}." if would else f"No GPUs of one machine are enough{divide}."


def findings(name: str, llm: Llm, replica: Replica) -> Iterator[Finding]:
    """Yield what is wrong, or doubtful, with replicas that can serve."""
    if replica.configuration.is_timed and np.any(replica.users < 1):
        message = "not even one request at a time keeps the SLO"
        remedy = "Choose a faster GPU, more GPUs, or a looser SLO."
        yield llm_checks.LLM_SLO.finding(name, message, remedy)
    yield from _at_risk(name, llm, replica)
    confidence = confidence_of(replica.configuration)
    if not replica.configuration.is_timed:
        message = f"the speed of {llm.engine} is unknown: calibrate; replicas are those of replicas.min"
        remedy = f"Measure it, and give capplan calibrate llm the results with --engine {llm.engine}."
        yield llm_checks.LLM_SPEED_UNKNOWN.finding(name, message, remedy)
    elif confidence.level == "low":
        low, high = range_of("low", "tpot")
        message = f"speeds are only accurate to ×{low:.2g}…×{high:.2g}: {'; '.join(confidence.reasons)}"
        remedy = "Calibrate with a benchmark of the model on this GPU."
        if replica.configuration.pool:
            remedy = "Load both pools together before you rely on it: nothing calibrates them."
        yield llm_checks.LLM_LOW_CONFIDENCE.finding(name, message, remedy)
    yield from _unschedulable(name, llm, replica)


def _at_risk(name: str, llm: Llm, replica: Replica) -> Iterator[Finding]:
    """Yield which loss of a machine leaves too few replicas."""
    spare, beside = float(np.min(llm.redundancy.spare)), replica.per_machine
    if 0 < spare < beside:
        message = (
            f"{replica.machine} holds {beside:g} replicas: losing one takes more than the {spare:g} spare"
        )
        yield llm_checks.LLM_SAME_MACHINE.finding(name, message, f"Set redundancy.spare to {beside:g}.")
    if spare == 0 and np.any(llm.purchase.spot) and not np.any(llm.redundancy.survive_zones):
        start_s = float(np.max(delays_of(llm.cold_start, replica.configuration.memory().weights).start_s))
        message = (
            f"spot machines can be taken back, no replica is spare, and a new one serves after "
            f"{start_s:.0f} s"
        )
        yield llm_checks.LLM_SPOT.finding(name, message, "Set redundancy.spare.")


def _unschedulable(name: str, llm: Llm, replica: Replica) -> Iterator[Finding]:
    """Yield what a node has less of than the pods of its replicas request."""
    pods = max(replica.per_machine, 1.0)
    cpu = 0.0 if llm.pod_cpu is None else llm.pod_cpu
    wanted = (
        ("vCPU", pods * cpu, replica.node.cpu),
        ("GiB", pods * llm.pod_memory, replica.node.memory_gib),
    )
    short = [
        f"{plain(float(np.max(asks)), 6)} {unit} of {plain(float(np.min(has)))}"
        for unit, asks, has in wanted
        if np.any(np.asarray(asks) > np.asarray(has) * (1 + 1e-9))
    ]
    if short:
        who = "its pod fits" if pods == 1 else f"{pods:g} of its pods, one for each replica, fit"
        message = f"{who} no {replica.machine}: requested {', '.join(short)} that a node has left"
        yield checks.POD_FITS_NO_NODE.finding(name, message, "Choose a larger machine, or request less.")


def unasked(name: str, llm: Llm, sizing: Sizing) -> Iterator[Finding]:
    """Yield that replicas are kept though the API, or a cache, answers everything."""
    if np.any(llm.local_share) and not np.all(llm.semantic_cache_hit_rate == 1):
        return
    kept = float(np.max(sizing.running))
    if not kept:
        return
    message = f"no request reaches the replicas that are kept and paid, {kept:,.0f}: local_share is 0%"
    yield llm_checks.LLM_IDLE.finding(name, message, llm_checks.LLM_IDLE.remedy)


def over_ceiling(name: str, sizing: Sizing) -> Iterator[Finding]:
    """Yield that the busiest hour needs more replicas than the plan allows."""
    if sizing.ceiling is not None and np.any(sizing.peak > sizing.ceiling):
        need = float(np.max(sizing.peak))
        message = f"replicas.max {np.min(sizing.ceiling):,.0f} is too low; the busiest hour needs {need:,.0f}"
        yield checks.MAX_TOO_SMALL.finding(name, message, f"Raise replicas.max to {need:,.0f}.")
