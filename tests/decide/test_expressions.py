import math
import re
from contextlib import suppress

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.decide.bounds import with_bounds
from capplan.decide.expressions import Evidence, Expression, ExpressionError, MissingPricesError

DOCUMENT = {
    "monthly_cost": {"expected": 900.0, "max": None},
    "components": {
        "llm-api": {"monthly_cost": {"expected": 500.0}},
        "web": {"monthly_cost": {"expected": 50.0}},
    },
    "cost_lines": [{"sku": "a", "monthly_cost": 3.0}, {"sku": "b", "monthly_cost": 4.0}],
    "facts": {"data_must_stay": False},
}


def value(text):
    return Expression(text).value(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("monthly_cost.expected / 3", 300),
        ("components['llm-api'].monthly_cost.expected > 500", False),
        ("components.web.monthly_cost.expected == 50 and not facts.data_must_stay", True),
        ("0 < monthly_cost.expected <= 900", True),
        ("monthly_cost.max == null", True),
        ("sum(line.monthly_cost for line in cost_lines if line.sku != 'a')", 4),
        ("max(c.monthly_cost.expected for c in values(components))", 500),
        ("any(name == 'web' for name in keys(components))", True),
        ("'yes' if facts.data_must_stay else 'no'", "no"),
        ("2 ** 10 + 7 // 2 - 7 % 4 + -1", 1023),
        ("cost_lines[-1].sku in ['b', 'c']", True),
        ("ceil(500 / 75) + 1", 8),
        ("true or missing", True),
    ],
)
def test_values(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monthly_cot.expected", "Did you mean 'monthly_cost'?"),
        ("monthly_cost.expcted", "Did you mean 'expected'?"),
        ("components.llm-api > 1", "Write a name with a hyphen as components['name']"),
        ("monthly_cost.max + 1", "monthly_cost.max is unknown"),
        ("monthly_cost.max > 1", "monthly_cost.max is unknown"),
        ("monthly_cost.max.x", "is unknown, so it has no 'x'"),
        ("monthly_cost.expected.real", "is a value, so it has no 'real'"),
        ("monthly_cost.expected / facts.data_must_stay", "is not a number"),
        ("1 / (1 - 1)", "is 0, so it cannot divide"),
        ("10.0 ** 64 ** 2", "exponent"),
        ("(-8) ** 0.5", "has no power"),
        ("cost_lines[2]", "has 2 entries"),
        ("monthly_cost < 3", "cannot be compared"),
        ("monthly_cost('x')", "is not a function"),
        ("sum(c for c in monthly_cost.expected)", "is not a list"),
        ("'a' + 'b'", "is not a number"),
        ("sqrt(-1)", "sqrt(-1) has no value, because a negative number has no square root"),
        ("max(c for c in cost_lines if false)", "has no value, because the list is empty"),
        ("min(null, 1)", "has no value, because a part of it is unknown"),
        ("max(1, 'a')", "max cannot be used with a number (1) and text"),
        ("sum(1)", "sum cannot be used with a number (1)"),
        ("abs()", "abs needs an argument"),
        ("ceil(facts)", "ceil cannot be used with a mapping"),
        ("facts.__class__", "'facts.__class__' is not allowed"),
        ("1 + )", "cannot be read at character 5"),
        ("'ab' * 10000000", "is not a number"),
    ],
)
def test_what_has_no_value_says_why(text, said):
    with pytest.raises(ExpressionError) as error:
        value(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "components.values()",
        "(lambda: 1)()",
        "[c for c in cost_lines]",
        "{**facts}",
        "f'{facts}'",
        "max(*cost_lines)",
        "max(**facts)",
        "(x := 1)",
        "sum(1 for a in cost_lines for b in cost_lines)",
        "b'bytes'",
        "1j",
        "a; b",
        "",
        "-" * 1500 + "1",
        "(" * 900 + "1" + ")" * 900,
        "1" * 5000,
        "x\0",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        Expression(text).value(DOCUMENT)


@pytest.mark.parametrize(
    "text", ["facts.__class__", "facts['__class__']", "components.__init__", "sum.__self__"]
)
def test_nothing_behind_a_value_can_be_reached(text):
    with pytest.raises(ExpressionError):
        value(text)


def test_evidence_is_what_the_document_answers():
    expression = Expression("components['llm-api'].monthly_cost.expected > 2 * 300 and facts.data_must_stay")
    assert expression.evidence(DOCUMENT) == [
        Evidence("components['llm-api'].monthly_cost.expected", 500.0),
        Evidence("facts.data_must_stay", False),
    ]


def test_names_are_those_of_the_document():
    expression = Expression("sum(c.x for c in values(components)) > limit and true")
    assert expression.names == {"sum", "values", "components", "limit"}


@moderate
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from("+-*"))
def test_arithmetic_is_that_of_floats(a, b, sign):
    expected = {"+": a + b, "-": a - b, "*": a * b}[sign]
    found = Expression(f"a {sign} b").value({"a": a, "b": b})
    assert found == expected or math.isnan(expected)


@moderate
@given(st.text(max_size=60))
def test_any_text_has_a_value_or_says_why(text):
    with suppress(ExpressionError):
        Expression(text).value(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9 ** 9 ** 9", "the exponent 387,420,489 is too large"),
        ("1e308 * 10 * 0", "too large"),
        ("1e200 * 1e200", "is not finite"),
        ("sum(1e200 * 1e99 for x in many) * 1e9", "is not finite"),
        ("9" * 1000, "too large"),
        ("9" * 290 + " * " + "9" * 290, "too large"),
        ("1e999", "too large"),
        ("sum(sum(1 for y in many) for x in many)", "takes more than 200,000 steps"),
        ("big - big", "is not a number"),
    ],
)
def test_an_expression_has_a_budget(text, said):
    document = {"many": list(range(1000)), "big": float("inf")}
    with pytest.raises(ExpressionError, match=re.escape(said)):
        Expression(text).value(document)
    assert Expression("big > 5 and big * 2 > 5").value(document) is True


@pytest.mark.parametrize("bound", ["lower", "neither"])
@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("monthly_cost.expected > 99", True),
        ("99 <= monthly_cost.expected", True),
        ("monthly_cost.expected > 101", None),
        ("monthly_cost.expected < 99", None),
        ("monthly_cost.expected == 100", None),
        ("monthly_cost.expected != 100", None),
        ("monthly_cost.expected * 2 > 1", None),
        ("max(monthly_cost.expected, 1) > 1", None),
        ("sum(c.monthly_cost.expected for c in values(components)) > 1", None),
        ("not monthly_cost.expected > 99", False),
    ],
)
def test_of_a_cost_without_all_prices_only_what_it_is_above_is_known(text, known, bound):
    cost = {"min": 50.0, "expected": 100.0, "max": None, "complete": False, "bound": bound}
    names = with_bounds({"monthly_cost": cost, "components": {"a": {"monthly_cost": cost}}})
    if known is None or bound == "neither":
        with pytest.raises(MissingPricesError):
            Expression(text).value(names)
    else:
        assert Expression(text).value(names) is known
