"""What to commit to: from a plan's hourly use, its growth, its intervals, and what it holds."""

import json
from datetime import date
from textwrap import dedent

import numpy as np
import pytest
from helpers import SHIPPED, plan_of

from capplan.cost.portfolio import Objective
from capplan.decide.committing import FALL, CommitmentTerms, committing
from capplan.decide.offers import UsePool, deals
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.blocks import Style
from capplan.report.committing import committing_document, report_of
from capplan.report.formats import written

TODAY = date(2026, 11, 30)
PLAN = """
    name: shop
    regions: {aws: us-east-1}
    demand: {requests_per_second: 1000, profile: flat, entry: {api: 1}}
    services:
        api: {platform: vm-group, provider: aws, machine: m6a.large, cpu_time: 5ms}
"""


def asked(text=PLAN, *more, **changes):
    return committing([plan_of(text), *map(plan_of, more)], SHIPPED, CommitmentTerms(TODAY, **changes))


def codes(found):
    return {finding.code for finding in found.findings}


def test_flat_use_is_committed_to_in_full_for_the_term_that_costs_least():
    found = asked()
    (bought,) = found.buy
    assert (bought.deal.title, bought.deal.term) == ("Reserved Instance", "3 years")
    assert bought.used == pytest.approx(1)
    assert found.covered[1] == pytest.approx(1)
    assert found.portfolio.usd == pytest.approx(found.portfolio.without * (1 - 0.5799), rel=1e-6)


def test_only_allowed_offers_are_bought():
    found = asked(offers=["1 year, no-upfront"])
    assert [b.deal.payment for b in found.buy] == ["no-upfront"]
    assert found.months == 12
    assert found.break_even == 1
    assert found.buy[0].units == pytest.approx(round(found.buy[0].units))
    assert asked(offers=["nothing of the kind"]).buy == []


def test_upfront_pays_later_and_less_where_money_costs_something():
    upfront = asked(offers=["1 year, partial-upfront"])
    assert upfront.break_even > 1
    dear = asked(offers=["m6a", "1 year*upfront*m6a"], objective=Objective(capital=0.5))
    assert {b.deal.payment for b in dear.buy} == {"no-upfront"}


def test_what_is_held_is_not_bought_again_and_its_end_is_when_to_look():
    held = """
    pricing:
      commitments:
        - {provider: aws, service: ec2, machine: m6a.large, region: us-east-1, count: 3, until: 2027-03-15}
    """
    found = asked(PLAN + held)
    assert found.covered[0] == pytest.approx(3 / 4 * 4 / 12)
    assert [one.used for one in found.held] == [pytest.approx(1)]
    assert found.look_again == (date(2027, 3, 1), "a commitment ends")
    assert found.buy[0].usd_per_hour < asked().buy[0].usd_per_hour
    expired = asked(PLAN + held.replace("2027-03-15", "2026-10-01"))
    assert "commitment-expired" in codes(expired)
    assert expired.covered[0] == 0


HELD = """
    pricing:
      commitments:
        - {provider: aws, service: ec2, machine: m6a.large, region: us-east-1, count: 3, until: 2027-03-15}
    """


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("m6a.large", "m6a.lrge", r"commitments.0.machine: unknown SKU 'm6a.lrge'"),
        ("ec2", "ec3", "commitments.0.service: aws has no service 'ec3'"),
        ("us-east-1", "us-east-11", "commitments.0.region: aws has no region 'us-east-11'"),
        ("m6a.large, region: us-east-1", "u7i-12tb.224xlarge, region: eu-south-2", "no on-demand price"),
    ],
)
def test_what_is_held_and_nobody_sells_is_refused_at_its_place(was, now, said):
    with pytest.raises(InputError, match=said):
        asked(PLAN + HELD.replace(was, now))


def test_the_calendar_has_an_end():
    found = asked(PLAN + HELD.replace("2027-03-15", "9999-12-31"))
    assert found.held[0].used == pytest.approx(1)
    assert committing([plan_of(PLAN)], SHIPPED, CommitmentTerms(date.max)).look_again[0].year == 9999


def test_what_has_ended_is_not_said_to_end():
    (ended,) = (f for f in asked(PLAN + HELD.replace("2027", "2026")).findings if "expired" in f.code)
    assert "ended on 2026-03-15" in ended.message


def test_nodes_and_sizes_of_memory_are_committed_to_as_machines_are():
    found = asked("""
        name: stores
        regions: {aws: us-east-1, gcp: us-central1}
        demand: {requests_per_second: 100, profile: flat, entry: {web: 1}}
        services: {web: {platform: cloud-run, service_time: 5ms, calls: {near: 1, far: 1}}}
        caches:
            near: {platform: elasticache, machine: cache.m6g.large}
            far: {platform: memorystore, tier: standard, size: 5Gi}
    """)
    assert {bought.deal.title for bought in found.buy} == {"Reserved Instance", "Spend-based CUD"}
    assert "commitment-uncounted" in codes(found)


def test_growth_says_when_to_look_again():
    found = asked(PLAN.replace("profile: flat", "profile: flat, growth_per_month: 5%"), offers=["1 year"])
    when, why = found.look_again
    assert TODAY < when < date(2027, 11, 1)
    assert "would pay by then" in why


def test_the_regret_of_a_fall_is_against_the_best_purchases_for_it():
    found = asked(offers=["1 year, no-upfront"])
    off, hours = 0.3384, 730 * 12
    machines = found.portfolio.without / hours / 0.0864
    assert found.fallen == pytest.approx((1 - FALL - (1 - off)) * machines * 0.0864 * hours, rel=1e-6)
    assert found.regret > 0


def test_uncertain_use_is_committed_to_less_if_the_worst_counts():
    text = PLAN.replace("requests_per_second: 1000", "requests_per_second: {p5: 200, p50: 1000, p95: 4000}")
    mean, worst = (
        asked(text, offers=["1 year, no-upfront"], objective=Objective(cvar=c)) for c in (None, 0.1)
    )
    assert mean.buy[0].usd_per_hour != worst.buy[0].usd_per_hour
    assert worst.portfolio.usd > mean.portfolio.usd


def test_interruptible_use_runs_on_spot_as_far_as_that_is_safe():
    found = asked(PLAN.replace("cpu_time: 5ms", "cpu_time: 5ms, interruptible: true"))
    assert found.spot > 0
    assert found.portfolio.without < asked().portfolio.without


def test_several_plans_share_what_is_bought():
    one, both = asked(offers=["1 year"]), asked(PLAN, PLAN.replace("shop", "other"), offers=["1 year"])
    assert both.names == ["shop", "other"]
    assert both.portfolio.usd == pytest.approx(2 * one.portfolio.usd)


def test_prices_without_the_books_of_plans_that_differ_are_said_to_be(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "{schema: 1, name: ours, source: {as_of: unknown, text: ours}, "
        "prices: {aws/ec2/m6a.large: {unit: hour, usd: 0.01, note: ours}}}"
    )
    booked = plan_of(PLAN + "    pricing: {books: [ours.yaml]}\n", directory=tmp_path)
    one, both = (
        committing(files, SHIPPED, CommitmentTerms(TODAY)) for files in ([booked], [booked, plan_of(PLAN)])
    )
    assert (one.mixed, both.mixed) == (False, True)
    assert one.portfolio.without < asked().portfolio.without / 5
    assert "different price books" in written(report_of(both), "table", Style(width=200))


def test_books_of_the_same_name_in_different_directories_differ(tmp_path):
    files = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        text = "{schema: 1, name: ours, source: {as_of: unknown, text: ours}}"
        (tmp_path / place / "ours.yaml").write_text(text)
        files.append(plan_of(PLAN + "    pricing: {books: [ours.yaml]}\n", directory=tmp_path / place))
    assert committing(files, SHIPPED, CommitmentTerms(TODAY)).mixed
    assert not committing([files[0], files[0]], SHIPPED, CommitmentTerms(TODAY)).mixed


def test_the_machines_are_those_that_an_estimate_chooses(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "{schema: 1, name: ours, source: {as_of: unknown, text: ours}, "
        "discounts: [{provider: aws, service: ec2, sku: m6a.large, percent: 9%}]}"
    )
    text = PLAN.replace("m6a.large", "auto") + "    pricing: {books: [ours.yaml]}\n"
    file = plan_of(text, directory=tmp_path)
    used = {line.sku for line in estimate(file, SHIPPED).lines if line.meter.service == "ec2"}
    found = committing([file], SHIPPED, CommitmentTerms(TODAY))
    assert {one.deal.unit for one in found.buy} == used


def test_a_share_without_a_date_counts_as_not_bought():
    found = asked(PLAN.replace("cpu_time: 5ms", "cpu_time: 5ms, purchase: {commit_3y: 80%}"))
    assert "commitment-undated" in codes(found)
    assert found.portfolio.without == pytest.approx(asked().portfolio.without)


def test_what_has_no_price_is_said_and_left_out():
    found = asked(PLAN.replace("m6a.large", "c1.medium"))
    assert "commitment-unpriced" in codes(found)
    with pytest.raises(InputError, match="nothing in the plan is billed by the hour"):
        asked("""
            name: run
            regions: {gcp: us-central1}
            demand: {requests_per_second: 1, entry: {api: 1}}
            services: {api: {platform: cloud-run, concurrency: 1, service_time: 5ms}}
        """)


def priced(*names, provider="gcp", service="compute-engine", region="us-central1", usd=1.0):
    pools = [UsePool(provider, service, name, region, "hour", usd, usd) for name in names]
    return {deal.offer.name: deal for deal in deals(pools, SHIPPED)[0]}


def test_published_flexible_rates_of_google():
    """cloud.google.com/compute/all-pricing, c4-standard-4 in Iowa: 0.19767, 0.1423224 and 0.1067418."""
    found = priced("c4-standard-4", usd=0.19767)
    for years, usd in (("1 year", 0.1423224), ("3 years", 0.1067418)):
        deal = found[f"Compute flexible CUD, {years}, monthly, all of gcp"]
        assert 0.19767 * np.nansum(deal.offer.rates) == pytest.approx(usd)


def test_a_reservation_covers_the_sizes_of_its_family_in_its_region():
    found = priced(
        "Standard_D2s_v3",
        "Standard_D4s_v3",
        "Standard_E4s_v3",
        provider="azure",
        service="virtual-machines",
        region="francecentral",
        usd=9.0,
    )
    covers = {
        d.covers: np.isfinite(d.offer.rates).tolist() for d in found.values() if d.title == "Reservation"
    }
    assert covers["Standard_Ds_v3 in francecentral"] == [True, True, False]


def test_reports_say_the_same_in_every_format():
    found = asked()
    document = committing_document(found)
    text = written(report_of(found), "table", Style(width=80))
    assert document["buy"][0]["machines"] == pytest.approx(found.buy[0].units)
    assert f"{document['usd']:,.2f}" in text
    assert "Look again in" in document["advice"]
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cvar", "0.05"], "need --commitments"),
        (["--commitments", "--cvar", "0"], "--cvar"),
        (["--commitments", "--capital-cost", "much"], "--capital-cost"),
    ],
)
def test_options_that_say_nothing_sensible_are_refused(options, said, capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(dedent(PLAN), encoding="utf-8")
    code, out, err = capplan("recommend", tmp_path / "plan.yaml", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_a_fleet_buys_by_account(capplan, tmp_path):
    for name, account in (("one", "prod"), ("two", "prod"), ("three", "test")):
        text = dedent(PLAN).replace("shop", name) + f"account: {account}\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("name: broken\n", encoding="utf-8")
    sources = [tmp_path / f"{name}.yaml" for name in ("one", "two", "three", "broken")]
    options = ("--commitments", "--format", "json", "--today", str(TODAY))
    code, out, _ = capplan("fleet", *sources, *options)
    found = json.loads(out)
    assert code == 2
    assert found["left_out"][0].startswith(str(sources[-1]))
    prod, test = found["accounts"]["prod"], found["accounts"]["test"]
    assert prod["plans"] == ["one", "two"]
    assert prod["usd"] == pytest.approx(2 * test["usd"])
    assert capplan("fleet", sources[0], "--commitments", "--format", "csv").exit_code == 2
