"""What is deployed, under a load that was recorded: the plan of manifests, made ready to be simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capplan.errors import InputError, Problem, nearest
from capplan.plan.demand import Trace
from capplan.plan.read import PlanFile
from capplan.plan.services import Kubernetes


def under_load(file: PlanFile, trace: Trace | None, services: Sequence[str]) -> PlanFile:
    """Return an adopted plan in which each of the ``services`` gets the load: that of a trace as it was.

    Raises :class:`InputError` where nobody says whose load it is, or how much.
    """
    plan, demand = file.plan, file.plan.demand
    known = list(plan.services)
    for name in services:
        if name not in known:
            raise InputError(Problem("--service", f"no workload is called '{name}'", nearest(name, known)))
    if not services and len(known) > 1:
        what = f"holds {len(known)} workloads, and does not say whose load it is"
        raise InputError(Problem("--manifests", what, f"Name it, such as --service {known[0]}."))
    changes: dict[str, object] = {"entry": dict.fromkeys(services or known, 1.0)}
    if trace is not None:
        changes["trace"] = trace
    if demand.requests_per_second == 0:
        # The plan of manifests says so because they say nothing.
        if trace is None:
            remedy = "Give --trace FILE, or --set demand.requests_per_second=N."
            raise InputError(Problem("--manifests", "does not say how much load there is", remedy))
        changes["requests_per_second"] = None
    return file._replace(plan=plan.model_copy(update={"demand": demand.model_copy(update=changes)}))


def not_modelled(file: PlanFile) -> Iterator[str]:
    """Yield what the simulation leaves out of what is deployed, besides what no plan keeps."""
    for name, service in file.plan.services.items():
        if not isinstance(service, Kubernetes):
            continue
        if service.cpu_limit is None and service.cpu_time is not None:
            yield f"{name}: has no CPU limit; the simulation counts on no more CPU than it requests"
        vpa = None if service.workload is None else service.workload.vpa
        if vpa is not None and vpa.mode != "off":
            yield f"{name}: the VPA changes its requests; the simulation does not"
