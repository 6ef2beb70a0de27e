"""Random decisions and random histories: capplan's HPA and the plain one of naive_hpa agree."""

from conformance import naive_hpa as naive
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale.compiled import ints
from capplan.autoscale.hpa import metrics, pods, reasons, rules
from capplan.autoscale.hpa.reasons import FAILED_GET_EXTERNAL
from capplan.autoscale.hpa.reconcile import reconcile, state
from capplan.autoscale.hpa.spec import hpa
from capplan.autoscale.hpa.tolerance import Tolerance

NOW = 10_000.0
edge_ages = st.sampled_from([0, 5, 15, 29, 30, 31, 60, 270, 299, 300, 301, 330, 4000])
a_pod = st.builds(
    naive.Pod,
    name=st.just(""),
    request=st.one_of(st.sampled_from([100, 250, 500, 1000]), st.sampled_from([0, None, 300])),
    phase=st.sampled_from(["Running"] * 5 + ["Pending", "Failed", "Succeeded"]),
    deleting=st.sampled_from([False] * 5 + [True]),
    ready=st.sampled_from(["True"] * 4 + ["False", "Unknown", None]),
    started=st.one_of(edge_ages.map(lambda age: NOW - age), edge_ages.map(lambda age: NOW - age), st.none()),
    changed=edge_ages.map(lambda age: NOW - age),
)
a_sample = st.one_of(
    st.none(), st.tuples(st.integers(0, 3000), edge_ages, st.sampled_from([15.0, 30.0, 60.0]))
)
tolerances = st.sampled_from([0.0, 0.02, 0.1, 0.3])


@moderate
@given(
    st.lists(st.tuples(a_pod, a_sample), max_size=8),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    st.integers(1, 400),
    st.integers(1, 12),
    tolerances,
    tolerances,
)
def test_proposals(given_pods, strangers, is_percent, is_cpu, target, current, up, down):
    selected, samples = [], {}
    for number, (pod, sample) in enumerate(given_pods):
        pod.name = f"p{number}"
        selected.append(pod)
        if sample is not None:
            samples[pod.name] = (sample[0], NOW - sample[1], sample[2])
    samples |= {f"gone{i}": (700, NOW, 30.0) for i in range(strangers)}
    expected = naive.replicas(selected, samples, target, is_percent, is_cpu, current, up, down, NOW)

    ours = [
        pods.Pod(
            p.name,
            p.request,
            p.phase,
            p.deleting,
            p.ready,
            None if p.started is None else NOW - p.started,
            NOW - p.changed,
        )
        for p in selected
    ]
    seen = {
        name: pods.PodSample(usage, NOW - time, window) for name, (usage, time, window) in samples.items()
    }
    totals = pods.pod_totals(ours, seen, target if is_percent else None, is_cpu, pods.Readiness())
    kind = metrics.UTILIZATION if is_percent else metrics.AVERAGE
    found = metrics.per_pod(totals, kind, target, current, Tolerance(up, down))
    assert found[0] == (metrics.ERROR if expected is None else expected[0])
    assert expected is None or found[1] == expected[1]


a_policy = st.tuples(
    st.sampled_from(["Pods", "Percent"]), st.integers(1, 150), st.sampled_from([15.0, 30.0, 60.0, 90.0])
)
a_side = st.builds(
    naive.Side,
    st.lists(a_policy, min_size=1, max_size=3),
    st.sampled_from(["Max", "Max", "Min", "Disabled"]),
    st.sampled_from([0.0, 15.0, 45.0, 60.0, 300.0]),
)


def as_rules(side):
    kinds = {"Pods": rules.PODS, "Percent": rules.PERCENT}
    select = {"Max": rules.MAX, "Min": rules.MIN, "Disabled": rules.DISABLED}[side.select]
    policies = [rules.ScalingPolicy(kinds[kind], amount, period) for kind, amount, period in side.policies]
    return rules.rules(policies, select, side.window)


@moderate
@given(
    st.one_of(st.none(), st.tuples(a_side, a_side)),
    st.integers(0, 4),
    st.integers(4, 40),
    st.integers(1, 45),
    st.sampled_from([5.0, 15.0, 30.0]),
    st.lists(
        st.lists(st.one_of(st.integers(0, 50), st.just(None)), min_size=1, max_size=3),
        min_size=1,
        max_size=60,
    ),
)
def test_histories(behavior, low, high, current, sync_s, proposals):
    spec = hpa(low, high, *(() if behavior is None else map(as_rules, behavior)))
    memory, plain = state(spec, sync_s), naive.Controller(low, high, behavior)
    for tick, proposed in enumerate(proposals):
        now_s = tick * sync_s
        ours = ints([metrics.ERROR if p is None else p for p in proposed])
        wanted = reconcile(spec, memory, current, ours, ints([FAILED_GET_EXTERNAL] * len(ours)), now_s)
        assert wanted == plain.sync(now_s, current, proposed), (tick, current, proposed)
        assert reasons.status(memory.reasons[reasons.ABLE_TO_SCALE]) == plain.able
        limited = memory.reasons[reasons.SCALING_LIMITED]
        assert plain.limited == ("" if limited == reasons.NONE else reasons.status(limited))
        current = wanted
