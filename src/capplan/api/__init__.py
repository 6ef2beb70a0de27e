"""The interface for programs: what the commands answer, as values.

A plan is loaded once and asked several times. Every answer has the same forms as on the command line: text,
Markdown, HTML, JSON, tables. Errors in what users wrote are :class:`InputError`, with file, line and field.
"""

from capplan.api.answers import Answer, CheckAnswer, EstimateAnswer
from capplan.api.lookups import explain, prices
from capplan.api.plans import Change, LoadedPlan, load
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.report.view import ComponentView, Cost, InstanceCounts, LineView

__all__ = [
    "Answer",
    "Change",
    "CheckAnswer",
    "ComponentView",
    "Cost",
    "EstimateAnswer",
    "Finding",
    "InputError",
    "InstanceCounts",
    "LineView",
    "LoadedPlan",
    "explain",
    "load",
    "prices",
]
