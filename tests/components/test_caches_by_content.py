"""Caches sized by what they hold, and semantic caches: what a hit takes off."""

import numpy as np
import pytest
from helpers import SHIPPED, codes, component, estimate_of, moderate, monthly
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError

BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.large
        throughput: 10/s
        calls: {c: 1}
"""
MANAGED = {
    "memorystore": "platform: memorystore",
    "memorystore-standard": "platform: memorystore, tier: standard",
    "elasticache": "platform: elasticache, machine: auto",
    "azure": "platform: azure-redis, machine: auto",
}


def cache(spec: str, *sets: str, **options):
    return estimate_of(BASE, f"caches={{c: {{{spec}}}}}", *sets, **options)


def memory(result, scenario: int = 0) -> tuple[float, float]:
    """Return what the content needs and what there is, GiB."""
    (found,) = [m for m in component(result, "c").measures if m.name == "memory"]
    return tuple(float(v[min(scenario, len(v) - 1), 0]) for v in (found.needs, found.has))


def figures(result, name: str) -> dict[str, float]:
    return {m.name: float(m.needs[0, 0]) for m in component(result, name).measures}


def test_content_by_the_keys():
    # A million keys of 1 KiB and 96 bytes each, 20 % fragmentation, a quarter free.
    needs, has = memory(cache("platform: memorystore, content: {keys: 1M, value_size: 1KiB}"))
    assert needs == pytest.approx(1e6 * (1024 + 96) * 1.2 / 0.75 / 2**30)
    assert has == 2


def test_content_by_the_time_to_live_is_littles_law():
    content = (
        "content: {ttl: 1h, new_keys: 10%, value_size: 10KiB, key_overhead: 0, fragmentation: 1, headroom: 0}"
    )
    needs, _ = memory(cache(f"platform: memorystore, {content}"))
    assert needs == pytest.approx(100 * 0.1 * 3600 * 10 / 2**20)


def test_a_semantic_cache_keeps_what_it_does_not_answer():
    def held(semantic):
        text = f"platform: memorystore, content: {{ttl: 1h, value_size: 10KiB}}, {semantic}"
        return memory(cache(text))[0]

    everything = held("tier: basic")
    rates = "hit_rate_at: {'0.8': 50%, '0.9': 20%}"
    assert held(f"semantic: {{{rates}, similarity_threshold: 0.9}}") == pytest.approx(0.8 * everything)
    assert held(f"semantic: {{{rates}, similarity_threshold: 0.85}}") == pytest.approx(0.65 * everything)


def test_shards_share_the_keys_and_replicas_copy_them():
    spec = "platform: elasticache, machine: cache.r6g.large, content: {keys: 10M, value_size: 1KiB}"
    one, three = cache(spec), cache(f"{spec}, shards: 3, replicas: 1")
    assert memory(three)[0] == pytest.approx(memory(one)[0] / 3)
    assert monthly(three, "c") == pytest.approx(monthly(one, "c") * 6)
    assert codes(one) == {"cache-too-small"}
    assert not codes(three)


@pytest.mark.parametrize("gib", [0.5, 3, 10, 40, 100, 290])
@pytest.mark.parametrize("tier", ["basic", "standard"])
def test_memorystore_chooses_what_trying_all_sizes_finds(gib, tier):
    """5 GiB cost less than 4 (brackets price the whole instance), so more may be bought than is needed."""
    content = f"content: {{keys: 1, value_size: {gib}Gi, key_overhead: 0, fragmentation: 1, headroom: 0}}"
    chosen = monthly(cache(f"platform: memorystore, tier: {tier}, {content}"), "c")
    sizes = range(int(np.ceil(gib)), 301)
    tried = (monthly(cache(f"platform: memorystore, tier: {tier}, size: {n}Gi"), "c") for n in sizes[:12])
    brackets = (
        monthly(cache(f"platform: memorystore, tier: {tier}, size: {n}Gi"), "c") for n in (5, 11, 36, 101)
    )
    larger = [cost for n, cost in zip((5, 11, 36, 101), brackets, strict=True) if n >= gib]
    assert chosen == pytest.approx(min([*tried, *larger]))


@moderate
@given(st.sampled_from(sorted(MANAGED)), st.floats(0.01, 400), st.floats(0, 100))
def test_more_content_never_costs_less(platform, gib, more):
    content = "content: {keys: 1, key_overhead: 0, fragmentation: 1, headroom: 0}"
    less, larger = (
        monthly(cache(f"{MANAGED[platform]}, {content}", f"caches.c.content.value_size={n}Gi"), "c")
        for n in (gib, gib + more)
    )
    assert larger >= less - 1e-9


@moderate
@given(st.sampled_from(sorted(MANAGED)), st.floats(0.1, 2000))
def test_it_fits_or_says_that_it_does_not(platform, gib):
    result = cache(f"{MANAGED[platform]}, content: {{keys: 1, value_size: {gib}Gi}}")
    needs, has = memory(result)
    assert (needs > has * (1 + 1e-9)) == (codes(result) == {"cache-too-small"})


@pytest.mark.parametrize(
    ("platform", "service"), [("elasticache", "elasticache-redis"), ("azure", "redis-cache")]
)
def test_no_node_that_is_large_enough_is_cheaper(platform, service):
    content = "content: {keys: 1, value_size: 5Gi}"
    chosen = cache(f"{MANAGED[platform]}, {content}")
    provider = component(chosen, "c").provider
    for sku in SHIPPED.service(provider, service).skus.values():
        if sku.memory_gib is None or sku.retired:
            continue
        named = cache(f"{MANAGED[platform].replace('auto', sku.name)}, {content}")
        if not codes(named):
            assert monthly(named, "c") >= monthly(chosen, "c") - 1e-9, sku.name


def test_content_that_exceeds_a_named_cache_is_an_error():
    result = cache("platform: memorystore, size: 1Gi, content: {keys: 1, value_size: 2Gi}")
    (finding,) = result.findings
    assert finding.code == "cache-too-small"
    assert "needs 3.2 GiB in each shard, but has 1" in finding.message


def test_scenarios_are_sized_on_their_own():
    spec = "platform: elasticache, machine: auto, content: {keys: 1M, value_size: 1KiB}"
    values = ("1k", "1M", "30M", "900M")
    swept = cache(spec, sweep=(f"caches.c.content.keys={','.join(values)}",))
    for i, value in enumerate(values):
        alone = cache(spec, f"caches.c.content.keys={value}")
        assert swept.cost_of("c").expected[i, 0] == pytest.approx(monthly(alone, "c"))
        assert component(swept, "c").pick.name(i) == component(alone, "c").pick.name(0)


# --- semantic caches and deduplication -------------------------------------------------------------

ASKED = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 10, profile: flat}
    services:
      agent:
        platform: cloud-run
        service_time: 100ms
        calls: {llm: {per_request: 2, through: answers, deduplicated: 20%}}
    caches:
      answers:
        platform: memorystore
        size: 5Gi
        semantic:
          hit_rate_at: {"0.75": 45%, "0.85": 30%, "0.95": 12%}
          similarity_threshold: 0.85
          hit_time: 60ms
          embedding: embeddings
    external_apis:
      llm: {price_per_request: 0.001}
      embeddings: {input_tokens: 100, usd_per_1m_input_tokens: 0.02}
"""
SECONDS = 730 * 3600


def test_a_hit_takes_load_and_money_off_what_is_behind():
    result = estimate_of(ASKED)
    questions = 10 * 2 * 0.8
    assert float(result.load.average("answers")[0, 0]) == pytest.approx(questions)
    assert float(result.load.average("embeddings")[0, 0]) == pytest.approx(questions)
    assert float(result.load.average("llm")[0, 0]) == pytest.approx(questions * 0.7)
    found = figures(result, "answers")
    assert found["hit rate"] == pytest.approx(30)
    assert found["latency of a hit"] == pytest.approx(60)
    assert found["taken off llm"] == pytest.approx(questions * 0.3)
    embeddings = questions * SECONDS * 100 * 0.02 / 1e6
    assert found["saves"] == pytest.approx(questions * 0.3 * SECONDS * 0.001 - embeddings)
    assert monthly(result, "embeddings") == pytest.approx(embeddings)


def test_what_it_saves_is_the_difference_to_doing_without():
    """Besides the cache's own price, which the measure does not count."""
    cached = estimate_of(ASKED)
    without = estimate_of(
        ASKED, "services.agent.calls.llm.through=null", "caches=null", "external_apis.embeddings=null"
    )
    saved = monthly(without) - (monthly(cached) - monthly(cached, "answers"))
    assert figures(cached, "answers")["saves"] == pytest.approx(saved)


@pytest.mark.parametrize(
    ("threshold", "hits"),
    [(0.75, 45), (0.85, 30), (0.95, 12), (0.80, 37.5), (0.90, 21), (0.5, 45), (0.99, 12)],
)
def test_the_hit_rate_is_interpolated_between_what_was_measured(threshold, hits):
    result = estimate_of(ASKED, f"caches.answers.semantic.similarity_threshold={threshold}")
    assert figures(result, "answers")["hit rate"] == pytest.approx(hits)


@moderate
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_lower_hit_rate_never_costs_less(one, other):
    low, high = sorted((one, other))
    semantic = "caches.answers.semantic={hit_rate: 0, embedding: embeddings}"
    result = estimate_of(ASKED, semantic, sweep=(f"caches.answers.semantic.hit_rate={low},{high}",))
    assert result.total.expected[0, 0] >= result.total.expected[-1, 0] - 1e-6


@moderate
@given(st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_stricter_threshold_never_costs_less(one, other):
    loose, strict = sorted((one, other))
    sweep = f"caches.answers.semantic.similarity_threshold={strict},{loose}"
    result = estimate_of(ASKED, sweep=(sweep,))
    assert result.total.expected[0, 0] >= result.total.expected[-1, 0] - 1e-6


def test_joining_calls_takes_them_off_the_cache_too():
    plain = estimate_of(ASKED, "services.agent.calls.llm.deduplicated=0")
    joined = estimate_of(ASKED, "services.agent.calls.llm.deduplicated=50%")
    for name in ("answers", "embeddings", "llm"):
        assert joined.load.average(name) == pytest.approx(plain.load.average(name) / 2)


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        ("{high: 30%}", "'high' is not a similarity threshold between 0 and 1"),
        ('{"85": 30%}', "'85' is not a similarity threshold"),
        ('{"0.75": 10%, "0.9": 30%}', "a higher threshold cannot have a higher hit rate"),
        ('{"0.75": 130%}', "must lie between 0% and 100%"),
    ],
)
def test_bad_hit_rates(rates, says):
    with pytest.raises(InputError, match=r"caches\.answers\.semantic\.hit_rate_at") as caught:
        estimate_of(ASKED, f"caches.answers.semantic.hit_rate_at={rates}")
    assert says in str(caught.value)


def test_measured_hit_rates_need_the_threshold_that_they_are_read_at():
    with pytest.raises(InputError, match="similarity_threshold"):
        estimate_of(ASKED, "caches.answers.semantic.similarity_threshold=null")
