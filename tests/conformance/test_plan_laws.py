"""A few of the random plans; all thousand: ``python -m tests.conformance.plan_laws``."""

from conformance.plan_laws import main


def test_laws_hold_over_random_plans(capsys):
    assert main(["12", "7"]) == 0
    assert capsys.readouterr().out == "12 passed, 0 failed\n"
