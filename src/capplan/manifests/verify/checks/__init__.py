"""What can be wrong with manifests: every check, declared once."""

from __future__ import annotations

import re

_RENAMED = {
    "M07-cidr": "policy-cidr",
    "M07-except-outside": "policy-except-outside",
    "M13-policy": "behavior-policy",
    "M13-window": "behavior-window",
    "M27-target-group": "asg-target-group",
}
_PREFIXED = {"14": "keda", "15": "keda", "28": "cloud-run", "29": "dashboard", "30": "load-test"}
"""What the names of these numbers got in front; rules-without-test kept its name."""


def code_of(name: str) -> str:
    """Return the code of a check, also by the id that it had when checks had numbers.

    >>> code_of("M14-idle-count"), code_of("M17-two-pdbs"), code_of("two-pdbs")
    ('keda-idle-count', 'two-pdbs', 'two-pdbs')
    """
    old = re.fullmatch(r"M(\d\d)-(.+)", name)
    if old is None:
        return name
    if name in _RENAMED:
        return _RENAMED[name]
    prefix = "" if old[2] == "rules-without-test" else _PREFIXED.get(old[1], "")
    return f"{prefix}-{old[2]}" if prefix else old[2]
