"""An alert of Prometheus, with the unit test that shows that it fires."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from capplan.manifests.artefact import Tree


class Alert(NamedTuple):
    """An alert, and the series that make it fire in its unit test; ``missed``: those whose absence does."""

    name: str
    expr: str
    lasting_s: int
    severity: str
    service: str
    summary: str
    series: list[tuple[str, str]]
    window_s: int = 300
    missed: str = ""

    @property
    def rule(self) -> Tree:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": duration(self.lasting_s),
            "labels": {"severity": self.severity, "component": self.service},
            "annotations": {"summary": self.summary},
        }

    def test(self, others: Iterable[Alert]) -> Tree:
        """Return the unit test: the series, long enough, and that no other alert of the name fires."""
        minutes = math.ceil((self.lasting_s + self.window_s) / 60) + 10
        labels = {"severity": self.severity, "component": self.service}
        missed = (other.missed for other in others if self.missed)
        there = [(series, "1+0") for series in missed if series not in ("", self.missed)]
        return {
            "name": f"{self.name} {self.service}",
            "interval": "1m",
            "input_series": [
                {"series": name, "values": f"{values}x{minutes}"} for name, values in (*self.series, *there)
            ],
            "alert_rule_test": [
                {
                    "eval_time": f"{minutes}m",
                    "alertname": self.name,
                    "exp_alerts": [{"exp_labels": labels, "exp_annotations": {"summary": self.summary}}],
                }
            ],
        }


def duration(seconds: float) -> str:
    """Return a time as Prometheus writes it.

    >>> duration(300), duration(90)
    ('5m', '90s')
    """
    whole = int(seconds)
    return f"{whole // 60}m" if whole % 60 == 0 else f"{whole}s"
