"""Service templates: what services have in common is written once."""

from collections.abc import Mapping
from typing import Any

from capplan.errors import InputError, nearest
from capplan.plan.overlay import Raw, merge
from capplan.plan.places import Places


def expanded(raw: Raw, places: Places) -> Raw:
    """Return the plan with each service that `extends` a template laid over it; templates extend none."""
    services = raw.get("services")
    if not isinstance(services, dict):
        return raw
    templates = raw.get("service_templates")
    known = templates if isinstance(templates, dict) else {}
    done = {name: _service(name, service, known, places) for name, service in services.items()}
    return {**raw, "services": done}


def _service(name: str, service: Any, templates: Mapping[str, Any], places: Places) -> Any:
    if not isinstance(service, dict) or "extends" not in service:
        return service
    wanted = service["extends"]
    template = templates.get(wanted) if isinstance(wanted, str) else None
    if not isinstance(template, dict):
        what = f"no service template '{wanted}'"
        path = ("services", name, "extends")
        raise InputError(places.problem(path, what, nearest(str(wanted), templates)))
    own = {key: value for key, value in service.items() if key != "extends"}
    return merge(template, own)
