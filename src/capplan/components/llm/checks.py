"""What can be wrong with how a model is served: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

LLM_CONTEXT = Check("llm-context", "error")
LLM_CANNOT_RUN = Check("llm-cannot-run", "error")
LLM_DOES_NOT_FIT = Check("llm-does-not-fit", "error")
LLM_SLO = Check("llm-slo", "error")
LLM_LOW_CONFIDENCE = Check("llm-low-confidence", "warning")
LLM_SAME_MACHINE = Check("llm-same-machine", "warning")
LLM_SPOT = Check("llm-spot", "warning")
