"""The same seed gives the same bytes, whatever stands around it."""

import pytest


@pytest.mark.parametrize("plan", ["amas", "levqor"])
def test_bytes_depend_on_nothing_around(process, plan):
    command = ("simulate", f"examples/{plan}", "--days", "0.1", "--seed", "7", "--format", "csv")
    first = process(*command, env={"PYTHONHASHSEED": "0"})
    around = {"PYTHONHASHSEED": "4242", "COLUMNS": "33", "LC_ALL": "de_DE.UTF-8", "TZ": "Pacific/Kiritimati"}
    assert process(*command, env=around) == first
    assert process(*command[:5], "8", *command[6:], env={"PYTHONHASHSEED": "0"}) != first
