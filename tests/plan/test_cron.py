"""Cron expressions as KEDA's cron trigger reads them."""

import pytest

from capplan.plan.cron import parse_cron


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("0 8 * * 1-5", "weekdays", {1, 2, 3, 4, 5}),
        ("0 8 * * Mon-FRI", "weekdays", {1, 2, 3, 4, 5}),
        ("*/20 * * * *", "minutes", {0, 20, 40}),
        ("5/20 * * * *", "minutes", {5, 25, 45}),
        ("10-30/10,59 * * * *", "minutes", {10, 20, 30, 59}),
        ("0 0 1,15 * ?", "days", {1, 15}),
        ("0 0 * jan,12 *", "months", {1, 12}),
    ],
)
def test_fields(text, field, values):
    assert getattr(parse_cron(text), field) == values


@pytest.mark.parametrize(
    ("text", "either"), [("0 0 1 * 1", True), ("0 0 * * 1", False), ("0 0 1 * ?", False)]
)
def test_one_of_two_given_days_is_enough(text, either):
    assert parse_cron(text).either_day is either


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 8 * *",
        "0 0 8 * * 1",
        "0 25 * * *",
        "60 * * * *",
        "0 8 * * 7",
        "0 8 0 * *",
        "0 8 * * 5-1",
        "*/0 * * * *",
        "0 8 * * mo",
        "@daily * * * *",
        "٣ * * * *",
        "1-2-3 * * * *",
        "0 8 * * 1,",
        f"{'9' * 4000} * * * *",
    ],
)
def test_what_keda_refuses_is_refused(text):
    with pytest.raises(ValueError, match=r"cron|field|month|week|hour|minute|day|step"):
        parse_cron(text)
