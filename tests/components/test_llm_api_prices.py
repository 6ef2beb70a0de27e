"""Prices of LLM APIs: of their own day, kind of processing, and length of request."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from capplan.catalog.catalog import Catalog
from capplan.cost.lines import CostLine
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.gate.coverage import coverage_findings
from capplan.plan.bind import Scenarios
from capplan.plan.gates import CoverageGate
from capplan.plan.read import parse_plan

pytest.importorskip("genai_prices")
PLAN = """
name: chat
regions: {gcp: us-central1}
demand: {requests_per_second: 1, profile: flat}
llm:
  chat: {model: llama-3.1-8b, input_tokens: 1000, output_tokens: 100, local_share: 0%, api: {model: none}}
"""
OWN = ("usd_per_1m_input_tokens=2", "usd_per_1m_output_tokens=10")


def priced(*api: str, chat: tuple[str, ...] = ()) -> tuple[CostLine, Estimate]:
    sets = [*(f"llm.chat.api.{one}" for one in api), *(f"llm.chat.{one}" for one in chat)]
    result = estimate(parse_plan(PLAN, "plan.yaml", Path(), sets), Catalog())
    return result.lines[0], result


def test_each_scenario_has_its_own_prices():
    file = parse_plan(PLAN, "plan.yaml", Path(), [f"llm.chat.api.{one}" for one in OWN])
    for field, usd in (("input", [0.0022, 0.0032]), ("output", [0.00212, 0.00222])):
        path = ("llm", "chat", "api", f"usd_per_1m_{field}_tokens")
        swept = estimate(file, Catalog(), Scenarios(2, {path: np.array([1.2, 2.2])}))
        price = np.broadcast_to(swept.lines[0].unit_price, (2, 1))
        assert price[:, 0] == pytest.approx(usd)


def test_batch_has_the_prices_and_the_day_of_batch():
    usual, batch = (
        priced("model=claude-sonnet-4-5", "vendor=anthropic", f"processing={one}")[0]
        for one in ("standard", "batch")
    )
    assert float(batch.unit_price) == pytest.approx(float(usual.unit_price) / 2)
    assert float(usual.unit_price) == pytest.approx((1000 * 3 + 100 * 15) / 1e6)
    assert batch.as_of == "2026-10-14"
    assert usual.as_of != batch.as_of
    assert "undated" in usual.source
    assert "batch" in batch.source


def test_what_is_not_sold_so_is_refused_with_what_is():
    with pytest.raises(InputError, match=r"no price of gpt-4o-mini at flex. Known: batch"):
        priced("model=gpt-4o-mini", "vendor=openai", "service_tier=flex")
    with pytest.raises(InputError, match=r"at batch on 2026-01-01. Known from 2026-10-14"):
        priced("model=gpt-4o-mini", "vendor=openai", "processing=batch", "as_of=2026-01-01")


def test_what_is_written_to_the_cache_costs_its_own_price():
    # A tenth of the input at 3.75, the rest at 3, USD a million.
    line, _ = priced("model=claude-sonnet-4-5", "vendor=anthropic", "cache_write_share=10%")
    assert float(line.unit_price) == pytest.approx((100 * 3.75 + 900 * 3 + 100 * 15) / 1e6)
    own, _ = priced("cache_write_share=10%", "usd_per_1m_cache_write_tokens=2.5", *OWN)
    assert float(own.unit_price) == pytest.approx((100 * 2.5 + 900 * 2 + 100 * 10) / 1e6)
    with pytest.raises(InputError, match="more than all of the input"):
        priced("cache_write_share=30%", *OWN, chat=("prefix_cache_hit_rate=80%",))


def test_prices_by_length_apply_to_each_length_not_to_the_mean():
    names = ("model=claude-sonnet-4-5", "vendor=anthropic")
    alike, _ = priced(*names, chat=("input_tokens=100k", "output_tokens=1"))
    quantiles = tuple(
        f"input_lengths.{q}={tokens}" for q, tokens in (("p50", 50_000), ("p90", 250_000), ("p99", 900_000))
    )
    spread, _ = priced(*names, chat=("input_tokens=100k", "output_tokens=1", *quantiles))
    # Above 200,000 tokens a request costs twice as much: lognormal lengths of mean 100,000 and this spread.
    sigma = np.log(5) / 1.2816
    lengths = np.exp(sigma * np.random.default_rng(1).standard_normal(400_000))
    lengths *= 100_000 / lengths.mean()
    expected = np.mean(lengths * np.where(lengths > 200_000, 6, 3)) / 1e6
    assert float(alike.unit_price) == pytest.approx(0.3, rel=1e-3)
    assert float(spread.unit_price) == pytest.approx(expected, rel=0.03)
    assert float(spread.unit_price) > 1.3 * float(alike.unit_price)


def test_lengths_say_nothing_of_prices_that_do_not_depend_on_them():
    quantiles = ("input_lengths.p50=500", "input_lengths.p90=2000", "input_lengths.p99=9000")
    assert float(priced(*OWN, chat=quantiles)[0].unit_price) == pytest.approx((1000 * 2 + 100 * 10) / 1e6)


@pytest.mark.parametrize(("today", "codes"), [(date(2026, 5, 1), []), (date(2026, 9, 9), ["old-api-price"])])
def test_prices_older_than_half_a_year_are_doubted(today, codes):
    line, result = priced(*OWN, "as_of=2026-02-03")
    assert line.as_of == "2026-02-03"
    found = coverage_findings(CoverageGate.model_validate({}), result, today)
    assert [one.finding.code for one in found] == codes


@pytest.mark.parametrize(
    ("api", "said"),
    [
        (("processing=batch", "service_tier=flex"), "batch requests have no service_tier"),
        (("processing=batch", *OWN), "your own prices"),
        (("as_of=lately", *OWN), "expected YYYY-MM-DD, got 'lately'"),
    ],
)
def test_what_contradicts_itself_is_refused(api, said):
    with pytest.raises(InputError, match=said):
        priced(*api)
