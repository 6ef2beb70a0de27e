"""Fields changed in the text of a plan: what the plan says then, and that all other lines stay."""

# ruff: noqa: E501  (a table of changes reads best with a row a line)

import textwrap

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.plan.edit import difference, edited

PLAN = textwrap.dedent("""\
    # Our shop
    name: shop
    demand:   # measured in May
      users_per_day: 20k   # from the console
      requests_per_user: {p5: 3, p50: 5,
                          p95: 8}  # a guess
      # the shape of the week
      profile:
        - 1   # midnight
        - 2

    services:
      api: {cpu: 1, memory: 2Gi}  # small
      text: |
        one
        two

    # the end
    slo:
    gates: {}
    """)


def changed(changes: dict) -> tuple[dict, set[str], set[str]]:
    """Return the plan after the changes, and the lines that went and came."""
    after = edited(PLAN, changes, "plan.yaml")
    before, now = set(PLAN.splitlines()), set(after.splitlines())
    return yaml.safe_load(after), before - now, now - before


@pytest.mark.parametrize(
    ("path", "value", "gone", "come"),
    [
        ("demand.users_per_day", 5, "  users_per_day: 20k   # from the console", "  users_per_day: 5   # from the console"),
        ("demand.month", 3.5, "", "  month: 3.5"),
        ("demand.trace.file", "x.csv", "", "  trace: {file: x.csv}"),
        ("services.api.cpu", 2, "  api: {cpu: 1, memory: 2Gi}  # small", "  api: {cpu: 2, memory: 2Gi}  # small"),
        ("services.api.slo.p95", "1s", "  api: {cpu: 1, memory: 2Gi}  # small", "  api: {cpu: 1, memory: 2Gi, slo: {p95: 1s}}  # small"),
        ("services.api.cpu", None, "  api: {cpu: 1, memory: 2Gi}  # small", "  api: {memory: 2Gi}  # small"),
        ("services.api.memory", None, "  api: {cpu: 1, memory: 2Gi}  # small", "  api: {cpu: 1}  # small"),
        ("services.web.cpu", 1, "", "  web: {cpu: 1}"),
        ("slo.p95", "2s", "slo:", "slo: {p95: 2s}"),
        ("gates.budget", 9, "gates: {}", "gates: {budget: 9}"),
        ("name", None, "name: shop", ""),
        ("colour", None, "", ""),
        ("demand.colour", None, "", ""),
        ("slo.colour", None, "", ""),
    ],
)  # fmt: skip
def test_one_line_changes(path, value, gone, come):
    plan, went, came = changed({tuple(path.split(".")): value})
    assert (went, came) == ({gone} - {""}, {come} - {""})
    found = plan
    for part in path.split("."):
        found = (found or {}).get(part)
    assert found == value


def test_values_of_several_lines_are_replaced_whole():
    plan, _, came = changed({("demand", "profile"): [3, 4], ("demand", "requests_per_user"): {"p5": 1}})
    assert came == {"  profile: [3, 4]", "  requests_per_user: {p5: 1}  # a guess"}
    assert plan["demand"] == {"users_per_day": "20k", "requests_per_user": {"p5": 1}, "profile": [3, 4]}
    assert "# the shape of the week" in " ".join(edited(PLAN, {("demand", "profile"): 1}, "p").split("\n"))


def test_a_long_list_has_a_line_for_each_day():
    text = edited(PLAN, {("demand", "profile"): list(range(50))}, "plan.yaml")
    assert yaml.safe_load(text)["demand"]["profile"] == list(range(50))
    assert [line for line in text.splitlines() if line.startswith("    2")] == [
        "    24, " + ", ".join(map(str, range(25, 48))) + ","
    ]


def test_what_others_share_and_what_is_no_mapping_is_refused():
    text = "a: &x {b: 1}\nc: *x\nd: 5\n"
    with pytest.raises(InputError, match=r"plan.yaml:2.*'c.b' cannot be changed, because 'c' is an alias"):
        edited(text, {("c", "b"): 2}, "plan.yaml")
    with pytest.raises(InputError, match=r"plan.yaml:3.*'d' is not a mapping"):
        edited(text, {("d", "e"): 2}, "plan.yaml")
    with pytest.raises(InputError, match="is not a mapping"):
        edited("- 1\n", {("d",): 2}, "plan.yaml")
    assert yaml.safe_load(edited("o: {z: &x 1}\na:\n  c: *x\n  # end", {("a", "d"): 2}, "p"))["a"] == {
        "c": 1,
        "d": 2,
    }


def test_the_difference_shows_the_lines():
    after = edited(PLAN, {("demand", "users_per_day"): 5}, "plan.yaml")
    shown = difference(PLAN, after, "plan.yaml")
    assert "-  users_per_day: 20k   # from the console" in shown
    assert "+  users_per_day: 5   # from the console" in shown


names = st.sampled_from("abc")
trees = st.recursive(st.integers() | st.none() | st.lists(st.integers()), lambda inner: st.dictionaries(names, inner), max_leaves=8)  # fmt: skip
paths = st.lists(names, min_size=1, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, trees, min_size=1), paths, st.integers(), st.booleans())
def test_any_plan_says_the_new_value_and_nothing_else_changes(plan, path, value, flow):
    text = yaml.safe_dump(plan, default_flow_style=flow)
    try:
        after = yaml.safe_load(edited(text, {path: value}, "plan.yaml"))
    except InputError:
        return
    within = plan
    for part in path[:-1]:
        within[part] = {} if within.get(part) is None else within[part]
        within = within[part]
    within[path[-1]] = value
    assert after == plan
