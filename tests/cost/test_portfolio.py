"""Portfolios of commitments: against every combination, against the whole linear programme, and by hand."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from capplan.cost.coverage import CommitmentOffer, applied, states_of
from capplan.cost.portfolio import Buy, Objective, cash, outcome, portfolio
from capplan.errors import InputError

HOURS = 8.0
"""Hours of a month in small cases, so that each hour of the arrays counts once or twice."""


MONTHS = 2


def billed(use, commitments):
    """Return USD of one hour that no commitment covers, told as a provider's guide tells it, one by one.

    use: USD at list price by pool. commitments: rates by pool (None where it does not apply) and USD, of all
    combinations at once.
    """
    left = list(use)
    for rates, usd in commitments:
        for pool in sorted((p for p, rate in enumerate(rates) if rate is not None), key=lambda p: rates[p]):
            spent = np.minimum(usd, left[pool] * rates[pool])
            usd = usd - spent
            left[pool] = left[pool] - spent / rates[pool]
    return sum(left)


DEALS = [((0.6,), 1), ((0.4,), 2)]
"""Rate and months; two thirds of the cases have one of them, one third both."""


def small_case(seed):
    """Return use of a pool in 1 or 2 scenarios of 2 months, and the deals for whole machines."""
    random = np.random.default_rng(seed)
    use = random.integers(0, 5, (1, random.integers(1, 3), MONTHS, 3)).astype(float)
    return use, [[DEALS[0]], [DEALS[1]], DEALS][seed % 3]


def offer_of(rates, months):
    return CommitmentOffer(f"{rates} for {months}", months, np.array(rates), step=rates[0])


def by_brute_force(use, deals):
    """Return the least cost of all numbers of machines: what lasts, and in each month the others."""
    deals = sorted(deals, key=lambda deal: np.mean(deal[0]))
    grids = np.meshgrid(*[np.arange(use.max() + 1) * rates[0] for rates, _ in deals], indexing="ij")
    lasting = tuple(i for i, deal in enumerate(deals) if deal[1] == 1)
    total = 0.0
    for month in range(MONTHS):
        paid = sum(grids) * HOURS
        for hour in use[:, :, month, :].reshape(len(use), -1).T:
            amounts = zip([rates for rates, _ in deals], grids, strict=True)
            paid = paid + billed(hour, amounts) * HOURS / use.shape[1] / use.shape[3]
        total = total + paid.min(axis=lasting)
    return np.min(total)


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_no_combination_of_whole_machines_costs_less(start):
    for seed in range(start, start + 50):
        use, deals = small_case(seed)
        offers = [offer_of(*deal) for deal in deals]
        found = portfolio(use, offers, objective=Objective(hours_per_month=HOURS, tolerance=1e-9))
        assert found.usd == pytest.approx(by_brute_force(use, deals), rel=1e-7, abs=1e-7), seed
        assert found.least == pytest.approx(found.usd, rel=1e-6, abs=1e-6), seed


def whole_programme(use, offers, held):
    """Return the least cost by one linear programme with what each offer covers in each hour."""
    from scipy.optimize import linprog
    from scipy.sparse import lil_matrix

    pools, scenarios, months, hours = use.shape
    ends = {b.offer.months for b in held}
    variables = [
        (o, start)
        for o in offers
        for start in sorted(
            {m for e in {0, *(ends if np.isfinite(o.rates[0]) else ())} for m in range(e, months, o.months)}
        )
    ]
    sides = [*((b.offer, None, b.usd_per_hour) for b in held), *((o, s, 0.0) for o, s in variables)]
    cells = list(np.ndindex(scenarios, months, hours))
    covers = [
        (i, p, c)
        for c in cells
        for i, (o, s, _) in enumerate(sides)
        for p in range(pools)
        if np.isfinite(o.rates[p]) and (s or 0) <= c[1] < (s or 0) + o.months
    ]
    rows = {("cap", i, c): n for n, (i, c) in enumerate((i, c) for c in cells for i in range(len(sides)))}
    rows |= {
        ("use", p, c): len(rows) + n for n, (p, c) in enumerate((p, c) for c in cells for p in range(pools))
    }
    matrix, limit = lil_matrix((len(rows), len(variables) + len(covers))), np.zeros(len(rows))
    price = HOURS / hours / scenarios
    for n, (i, p, c) in enumerate(covers, len(variables)):
        matrix[rows["cap", i, c], n] = sides[i][0].rates[p]
        matrix[rows["use", p, c], n] = 1
    for c in cells:
        for i, (o, s, usd) in enumerate(sides):
            limit[rows["cap", i, c]] = usd if s is None and c[1] < o.months else 0.0
            if s is not None:
                matrix[rows["cap", i, c], i - len(held)] = -1
        for p in range(pools):
            limit[rows["use", p, c]] = use[(p, *c)]
    fees = [HOURS * (min(s + o.months, months) - s) for o, s in variables]
    goal = np.append(fees, np.full(len(covers), -price))
    return linprog(goal, A_ub=matrix.tocsr(), b_ub=limit, method="highs").fun + use.sum() * price


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_offers_cost_what_the_whole_programme_finds(seed):
    random = np.random.default_rng(seed)
    level = random.integers(2, 9, (3, 1, 1, 1)) * (1 + 0.1 * np.arange(6)[None, None, :, None])
    use = np.rint(level * random.uniform(0.3, 1.2, (3, 2, 6, 6)))
    offers = [
        CommitmentOffer("first pool, 2 months", 2, np.array([0.62, np.nan, np.nan])),
        CommitmentOffer("first pool, 6 months", 6, np.array([0.38, np.nan, np.nan])),
        CommitmentOffer("second pool, 6 months", 6, np.array([np.nan, 0.45, np.nan])),
        CommitmentOffer("all, 2 months", 2, np.array([0.73, 0.73, 0.8]), 1),
        CommitmentOffer("all, 6 months", 6, np.array([0.55, 0.5, 0.6]), 1),
    ]
    held = [Buy(offers[0]._replace(name="held", months=2), 0, 1.0)]
    found = portfolio(use, offers, held, Objective(hours_per_month=HOURS))
    assert found.usd == pytest.approx(whole_programme(use, offers, held), rel=1e-3)
    assert found.least <= found.usd * (1 + 1e-9)
    assert found.usd < found.without


AWS = {
    "r5.4xlarge": (4.0, 0.70, 0.60),
    "Fargate GB": (6.4, 0.75, None),
    "Fargate vCPU": (16.0, 0.75, None),
    "m5.24xlarge": (10.0, 0.82, 0.78),
    "Lambda duration": (22.5, 0.85, None),
    "Lambda requests": (0.2, 1.0, None),
}
"""One hour at on-demand prices, and the shares of them under Compute and EC2 Instance Savings Plans.

AWS Savings Plans User Guide, Understanding how Savings Plans apply to your usage, Savings Plans example.
"""
COMPUTE = CommitmentOffer("compute", 12, np.array([compute for _, compute, _ in AWS.values()]), 2)
R5 = CommitmentOffer("r5", 12, np.array([0.6, *[np.nan] * 5]), 1)
RESERVED = CommitmentOffer("two r5.4xlarge", 12, np.array([0.6, *[np.nan] * 5]), 0)
D_SERIES = CommitmentOffer("DS4_v2", 12, np.array([0.6, 0.6, 0.6]))
"""A DS4_v2 of ratio 8 (Microsoft, Virtual machine size flexibility with Reserved VM Instances)."""
SQL = CommitmentOffer("50 USD an hour of Cloud SQL", 12, np.array([0.75]))

PUBLISHED = {
    # Scenarios 1 to 5 of the same page: what the plans take, and what stays on demand.
    "aws 1": (AWS, [(COMPUTE, 50.0)], [47.125], 0.0),
    "aws 2": (AWS, [(COMPUTE, 2.0)], [2.0], 56.24),
    "aws 3": (AWS, [(COMPUTE, 19.6)], [19.6], 32.70),
    "aws 4": (AWS, [(RESERVED, 1.2), (COMPUTE, 18.2)], [1.2, 18.2], 32.70),
    "aws 5": (AWS, [(R5, 3.0), (COMPUTE, 16.8)], [2.4, 16.8], 32.70),
    # Eight DS1_v2; two DS2_v2 and a DS3_v2; a DS5_v2 of ratio 16, half of which is covered.
    "azure sizes 1": ([8.0, 0.0, 0.0], [(D_SERIES, 4.8)], [4.8], 0.0),
    "azure sizes 2": ([4.0, 4.0, 0.0], [(D_SERIES, 4.8)], [4.8], 0.0),
    "azure sizes 3": ([0.0, 0.0, 16.0], [(D_SERIES, 4.8)], [4.8], 8.0),
    # Hours 1, 2 and 4 of Microsoft's How the Azure reservation discount is applied to virtual machines.
    "azure hour 1": ([1.25, 0.0, 0.0], [(D_SERIES, 0.6)], [0.6], 0.25),
    "azure hour 2": ([2.0, 0.0, 0.0], [(D_SERIES, 0.6)], [0.6], 1.0),
    "azure hour 4": ([1.5, 0.0, 0.0], [(D_SERIES, 0.6)], [0.6], 0.5),
    # Google Cloud, Analyze the effectiveness of your spend-based commitments: 37.50 for 50 USD of Cloud SQL.
    "google": ([50.0], [(SQL, 37.5)], [37.5], 0.0),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_hour_is_billed_as_the_provider_publishes(name):
    use, commitments, used, rest = PUBLISHED[name]
    spent = [usd for usd, _, _ in use.values()] if isinstance(use, dict) else use
    states = states_of(np.array(spent).reshape(-1, 1, 1, 1), None, 1.0, False)
    found = applied(states, [o for o, _ in commitments], [np.array([usd]) for _, usd in commitments])
    assert found.used[:, 0] == pytest.approx(used, abs=5e-3)
    assert found.left.sum() == pytest.approx(rest, abs=5e-3)


def flat(*levels, months=12):
    """Return the use of one pool that spends an equal part of every month at each of the ``levels``."""
    return np.broadcast_to(np.array(levels, dtype=float), (1, 1, months, len(levels)))


def test_one_offer_is_bought_up_to_the_critical_fractile():
    """At 60 % of the price a machine pays if it runs more than 60 % of the hours: the second does, 3 of 4."""
    found = portfolio(flat(1, 2, 2, 4), [CommitmentOffer("year", 12, np.array([0.6]), step=0.6)])
    assert [p.usd_per_hour for p in found.now] == pytest.approx([1.2])
    assert found.without == pytest.approx(9 / 4 * 730 * 12)
    assert found.usd == found.least == pytest.approx((1.2 + 2 / 4) * 730 * 12)


def test_what_is_held_is_used_first_and_bought_again_when_it_ends():
    held = [Buy(CommitmentOffer("held", 3, np.array([0.6])), 0, 0.6)]
    found = portfolio(flat(1, 1), [CommitmentOffer("year", 12, np.array([0.5]))], held)
    assert [(p.start, p.usd_per_hour) for p in found.purchases] == [(3, pytest.approx(0.5))]


def test_the_worst_scenarios_buy_less_where_half_of_them_lose_the_load():
    use = np.concatenate([np.full((1, 1, 12, 1), 10.0), np.zeros((1, 3, 12, 1))], axis=1)[:, ::-1]
    year = [CommitmentOffer("year", 12, np.array([0.2]))]
    assert portfolio(use, year).now[0].usd_per_hour == pytest.approx(2.0)
    careful = portfolio(use, year, objective=Objective(cvar=0.75))
    assert careful.now[0].usd_per_hour == pytest.approx(2.0)
    lost = portfolio(use * [[[[1.0]], [[1.0]], [[1.0]], [[0.0]]]], year, objective=Objective(cvar=0.5))
    assert not lost.now


@pytest.mark.parametrize("seed", [40, 47, 52])
def test_the_worst_scenarios_cost_more_the_fewer_they_are(seed):
    """The bound may rest for a step before it rises again, as several plans cost the same."""
    random = np.random.default_rng(seed)
    use = np.rint(random.integers(2, 9, (2, 1, 1, 1)) * random.uniform(0, 1.3, (2, 5, 6, 4)))
    offers = [
        CommitmentOffer("first", 6, np.array([0.5, np.nan])),
        CommitmentOffer("both", 2, np.array([0.7, 0.75]), 2),
        CommitmentOffer("second", 6, np.array([np.nan, 0.45]), 0, 1.0),
    ]
    goals = [Objective(share, 0.0, HOURS, tolerance=1e-9) for share in (1, 0.6, 0.3, 0.1)]
    found = [portfolio(use, offers, objective=goal) for goal in goals]
    assert max(one.gap for one in found) < 1e-3
    assert all(one.usd <= fewer.usd * (1 + 1e-9) for one, fewer in pairwise(found))


def test_money_that_costs_something_is_not_paid_upfront():
    offers = [
        CommitmentOffer("upfront", 12, np.array([0.58]), upfront=1.0),
        CommitmentOffer("monthly", 12, np.array([0.6])),
    ]
    assert [p.offer.name for p in portfolio(flat(1), offers).now] == ["upfront"]
    dear = portfolio(flat(1), offers, objective=Objective(capital=0.2))
    assert [p.offer.name for p in dear.now] == ["monthly"]


def test_a_settled_purchase_is_not_changed_when_the_load_falls():
    year = CommitmentOffer("year", 12, np.array([0.6]))
    bought = [Buy(year, 0, 0.6)]
    found = portfolio(flat(0.7), [year], bought=bought)
    assert found.usd == pytest.approx(0.6 * 730 * 12)
    states = states_of(flat(0.7), None, 730.0, False)
    covered = outcome(states, bought)
    assert covered.used.sum() / states.hours.size == pytest.approx(0.42)
    assert cash(bought[0]._replace(offer=year._replace(upfront=0.5)), 12, 100.0)[:2] == pytest.approx(
        [390, 30]
    )


def test_less_sustained_use_makes_a_commitment_worth_less():
    year = [CommitmentOffer("year", 12, np.array([0.63]))]
    assert portfolio(flat(1), year, worth=np.array(0.6)).now == []
    assert portfolio(flat(1), year, worth=np.array(0.7)).now


def test_only_offers_that_overlap_need_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    year = CommitmentOffer("year", 12, np.array([0.6]))
    assert portfolio(flat(1), [year, year._replace(name="dearer", rates=np.array([0.7]))]).now
    with pytest.raises(InputError, match=r"capplan\[commitments\]"):
        portfolio(flat(1, months=24), [year, CommitmentOffer("longer", 24, np.array([0.5]))])


def test_what_is_held_for_nothing_that_runs_changes_nothing():
    held = [Buy(CommitmentOffer("elsewhere", 6, np.array([np.nan])), 0, 5.0)]
    year = [CommitmentOffer("year", 12, np.array([0.6]))]
    assert portfolio(flat(1, 2), year, held).usd == portfolio(flat(1, 2), year).usd
