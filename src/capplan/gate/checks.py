"""What gates can find wrong with a plan: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

BUDGET_EXCEEDED = Check(
    code="budget-exceeded",
    severity="error",
    title="A budget is exceeded",
    why="The plan costs more than was agreed.",
    breaks="""\
gates: {budgets: [{max: 1}]}
""",
    near="""\
gates: {budgets: [{max: 100_000}]}
""",
    remedy="Lower the cost (`capplan recommend` says how), or raise the budget.",
    source="gates.budgets",
)
BUDGET_UNKNOWN = Check(
    code="budget-unknown",
    severity="error",
    title="A budget cannot be held, because the cost is unknown",
    why="Without a maximum of instances, or a price, there is no highest cost to compare.",
    breaks="""\
services:
  api: {platform: fargate, concurrency: null, cpu: 0.5, memory: 1Gi, instances: {max: null}}
gates: {budgets: [{max: 100_000}]}
""",
    near="""\
services:
  api: {platform: fargate, concurrency: null, cpu: 0.5, memory: 1Gi, instances: {max: null}}
gates: {budgets: [{expected: 100_000}]}
""",
    remedy="Give every autoscaler a maximum and every line a price; p95 needs --samples.",
    source="gates.budgets",
)
INCREASE_EXCEEDED = Check(
    code="increase-exceeded",
    severity="error",
    title="The cost rises by more than is allowed",
    why="A change raises the cost by more than the reviewers agreed to accept.",
    breaks="""\
services: {api: {instances: {max: 20}}}
gates: {increases: [{of: max, percent: 10%}]}
""",
    near="""\
services: {api: {instances: {max: 20}}}
gates: {increases: [{of: max, percent: 200%}]}
""",
    remedy="Run `capplan diff` to see what raises it; if it is intended, accept it in the gates file.",
    source="gates.increases",
)
INCREASE_UNKNOWN = Check(
    code="increase-unknown",
    severity="error",
    title="An increase cannot be judged, because one side is unknown",
    why="Without a price and a maximum on both sides, there is nothing to compare.",
    breaks="""\
services:
  api: {platform: fargate, concurrency: null, cpu: 0.5, memory: 1Gi, instances: {max: null}}
gates: {increases: [{of: max, percent: 10%}]}
""",
    near="""\
services:
  api: {platform: fargate, concurrency: null, cpu: 0.5, memory: 1Gi, instances: {max: null}}
gates: {increases: [{of: min, percent: 10%}]}
""",
    remedy="Give it a price, or a maximum.",
    source="gates.increases",
)
DRIFT_EXCEEDED = Check(
    code="drift-exceeded",
    severity="error",
    title="A bill drifts from its estimate by more than is allowed",
    why="The plan no longer says what is paid: usage, prices or what runs have changed.",
    breaks="""\
# file: plan.yaml
gates: {drifts: [{of: not_matched, usd: 50}]}
# file: bill.csv
ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart
Other,other,Hours,10,100,2026-09-01
""",
    near="""\
# file: plan.yaml
gates: {drifts: [{of: price, usd: 50}]}
# file: bill.csv
ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart
Other,other,Hours,10,100,2026-09-01
""",
    remedy="Run `capplan diff PLAN --actual BILL` to see what drifts, and correct the plan or the limit.",
    source="gates.drifts",
)
DRIFT_UNKNOWN = Check(
    code="drift-unknown",
    severity="error",
    title="A drift cannot be judged, because a price or a cost is unknown",
    why="Without prices in the plan, or costs and units that compare in the bill, nobody knows the drift.",
    breaks="""\
# file: plan.yaml
gates: {drifts: [{percent: 500%}]}
# file: bill.csv
ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart
Other,other,Hours,10,,2026-09-01
""",
    near="""\
# file: plan.yaml
gates: {drifts: [{percent: 500%}]}
# file: bill.csv
ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart
Other,other,Hours,10,1,2026-09-01
""",
    remedy="Put the price into a price book, and export the bill with costs and units.",
    source="gates.drifts",
)
HEADROOM_TOO_SMALL = Check(
    code="headroom-too-small",
    severity="error",
    title="A service has too little headroom above its peak",
    why="A peak slightly higher than planned overloads it.",
    breaks="""\
gates: {capacity: {headroom: 500%}}
""",
    near="""\
gates: {capacity: {headroom: 20%}}
""",
    remedy="Raise instances.max, or make instances larger.",
    source="gates.capacity.headroom",
)
TOO_FEW_INSTANCES = Check(
    code="too-few-instances",
    severity="error",
    title="A service keeps too few instances",
    why="When its only instance fails, nothing serves until another has started.",
    breaks="""\
gates: {capacity: {minimum_instances: 2}}
""",
    near="""\
services: {api: {instances: {min: 2}}}
gates: {capacity: {minimum_instances: 2}}
""",
    remedy="Raise instances.min.",
    source="gates.capacity.minimum_instances",
)
INSTANCE_QUOTA_EXCEEDED = Check(
    code="instance-quota-exceeded",
    severity="error",
    title="A component may run more instances than its quota",
    why="The cloud refuses instances beyond the quota, and it does so in the busiest hour.",
    breaks="""\
gates: {capacity: {quotas: {api: 5}}}
""",
    near="""\
gates: {capacity: {quotas: {api: 10}}}
""",
    remedy="Ask for a higher quota, or lower the maximum.",
    source="gates.capacity.quotas",
)
STALE_PRICE = Check(
    code="stale-price",
    severity="error",
    title="A price is too old",
    why="Prices change, so a price that nobody has confirmed recently may be wrong.",
    breaks="""\
gates: {coverage: {max_price_age: 1d}}
""",
    near="""\
gates: {coverage: {max_price_age: 5000d}}
""",
    remedy="Update the catalog, or confirm the price in a price book.",
    source="gates.coverage.max_price_age",
)
OLD_API_PRICE = Check(
    code="old-api-price",
    severity="warning",
    title="The price of an LLM API is older than six months",
    why="Prices of tokens change several times a year, mostly by half and more.",
    breaks="""\
demand: {entry: {chat: 1}}
llm:
  chat:
    model: llama-3.1-8b
    input_tokens: 1200
    output_tokens: 200
    local_share: 0%
    api: {model: mini, as_of: "2026-01-31", usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}
""",
    near="""\
demand: {entry: {chat: 1}}
llm:
  chat:
    model: llama-3.1-8b
    input_tokens: 1200
    output_tokens: 200
    local_share: 0%
    api: {model: mini, as_of: "2026-10-31", usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}
""",
    remedy="Look the price up again, or install a newer genai-prices.",
    source="how often the prices in genai-prices changed",
)
UNDATED_PRICE = Check(
    code="undated-price",
    severity="error",
    title="A price has no date",
    why="Nobody can tell whether it is still right.",
    breaks="""\
resources: {keys: {provider: gcp, service: gke, sku: enterprise-edition, quantity: 10}}
gates: {coverage: {undated: deny}}
""",
    near="""\
resources: {keys: {provider: gcp, service: gke, sku: cluster-management-fee, quantity: 10}}
gates: {coverage: {undated: deny}}
""",
    remedy="Put a dated price into a price book.",
    source="gates.coverage.undated",
)
ESTIMATED_PRICE = Check(
    code="estimated-price",
    severity="error",
    title="A price is estimated",
    why="A factor between regions is a guess, and so is a price that no second source confirms.",
    breaks="""\
# file: guess.yaml
schema: 1
name: guess
source: {as_of: "2026-11-01", text: our guess}
regions: {gcp-moon1: {like: us-central1, factor: 1.1}}
# file: plan.yaml
resources: {disks: {provider: gcp, region: gcp-moon1, service: persistent-disk, sku: pd-ssd, quantity: 10}}
pricing: {books: [guess.yaml]}
gates: {coverage: {estimated: deny}}
""",
    near="""\
# file: guess.yaml
schema: 1
name: guess
source: {as_of: "2026-11-01", text: our guess}
regions: {gcp-moon1: {like: us-central1, factor: 1.1}}
# file: plan.yaml
resources: {disks: {provider: gcp, region: us-central1, service: persistent-disk, sku: pd-ssd, quantity: 10}}
pricing: {books: [guess.yaml]}
gates: {coverage: {estimated: deny}}
""",
    remedy="Import the provider's price list, or put the price into a price book.",
    source="gates.coverage.estimated",
)
NOT_COVERED = Check(
    code="not-covered",
    severity="error",
    title="An adopted resource is not covered",
    why="Its cost is missing from the plan, wholly or in part, so no budget and no comparison sees it.",
    breaks="""\
adopted:
  from: tfplan.json
  resources: 2
  not_covered:
  - {resource: aws_msk_cluster.log, type: aws_msk_cluster, reason: capplan does not know the type}
gates: {coverage: {adopted: deny}}
""",
    near="""\
adopted: {from: tfplan.json, resources: 2}
gates: {coverage: {adopted: deny}}
""",
    remedy="Add its cost to the plan under resources, and remove the remark.",
    source="gates.coverage.adopted",
)
ASSUMED_COST = Check(
    code="assumed-cost",
    severity="error",
    title="Too much of the cost rests on assumptions",
    why="A guessed number makes everything that is computed from it a guess, however exact it looks.",
    breaks="""\
demand: {requests_per_second: {value: 100, source: assumed}}
gates: {assumptions: {max_share: 30%}}
""",
    near="""\
demand: {requests_per_second: {value: 100, source: measured}}
gates: {assumptions: {max_share: 30%, unstated: allow}}
""",
    remedy="Measure what `capplan estimate --sensitivity` ranks first, and state its source.",
    source="gates.assumptions",
)
UNSTATED_COST = Check(
    code="unstated-cost",
    severity="warning",
    title="Too much of the cost rests on assumptions and on numbers without a source",
    why="A number that does not say where it comes from may be a guess.",
    breaks="""\
gates: {assumptions: {max_share: 30%}}
""",
    near="""\
gates: {assumptions: {max_share: 30%, unstated: allow}}
""",
    remedy="State where the numbers come from, such as `{value: 125ms, source: measured}`.",
    source="gates.assumptions",
)
POLICY_BROKEN = Check(
    code="policy-broken",
    severity="error",
    title="A policy of the plan is broken",
    why="The policy says what your organization does not want, in the words of its author.",
    breaks="""\
gates: {policies: [{name: spare, when: component.instances.min < 2, message: one instance only}]}
""",
    near="""\
gates: {policies: [{name: spare, when: component.instances.min < 1, message: no instance}]}
""",
    remedy="Do what the policy asks for, or waive it.",
    source="gates.policies",
)

_GATES = {
    "budget": BUDGET_EXCEEDED,
    "increase": INCREASE_EXCEEDED,
    "policy": POLICY_BROKEN,
    "capacity/headroom": HEADROOM_TOO_SMALL,
    "capacity/minimum": TOO_FEW_INSTANCES,
    "capacity/quota": INSTANCE_QUOTA_EXCEEDED,
    "coverage/stale": STALE_PRICE,
    "coverage/undated": UNDATED_PRICE,
    "coverage/age": OLD_API_PRICE,
    "coverage/estimated": ESTIMATED_PRICE,
}
"""What gates find, by their kind or their name."""


def code_of_gate(name: str) -> str:
    """Return the code of what a gate finds; other names are codes already.

    >>> code_of_gate("policy/no-spot"), code_of_gate("capacity/headroom"), code_of_gate("capacity/unsized")
    ('policy-broken', 'headroom-too-small', 'unsized')
    """
    kind, _, rest = name.rpartition("/")
    check = _GATES.get(name) or _GATES.get(kind)
    return rest if check is None else check.code
