"""Service templates: what services have in common is written once."""

import pytest
from helpers import ROOT, estimate_of, monthly, peak, plan_of

from capplan.errors import InputError
from capplan.plan.read import read_plan

PLAN = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 10}
    service_templates:
      small:
        platform: cloud-run
        cpu: 1
        service_time: 100ms
        instances: {min: 1, max: 10}
        target_utilization: {cpu: 60%}
    services:
      web: {extends: small, calls: {api: 2}}
      api: {extends: small, cpu: 2, instances: {max: 40}}
      own: {platform: cloud-run, service_time: 1s}
    alternatives:
      roomy: {service_templates: {small: {cpu: 4, instances: {max: 20}}}}
"""
ENTRY = "demand.entry={web: 1, own: 1}"


def services(*sets: str, **options):
    return plan_of(PLAN, ENTRY, *sets, **options).plan.services


def test_what_a_service_says_itself_wins():
    found = services()
    assert (found["web"].cpu, found["api"].cpu, found["own"].cpu) == (1, 2, 1)
    # Mappings merge: the template's minimum stays.
    assert (found["web"].instances.min, found["web"].instances.max) == (1, 10)
    assert (found["api"].instances.min, found["api"].instances.max) == (1, 40)
    assert found["api"].target_utilization.cpu == 0.6


def test_null_takes_away_what_the_template_says():
    assert services("services.api.target_utilization=null")["api"].target_utilization.cpu == 0.6
    text = PLAN.replace("api: {extends: small, cpu: 2,", "api: {extends: small, cpu: null,")
    assert plan_of(text, ENTRY).plan.services["api"].cpu == 1.0


def test_a_change_of_the_template_reaches_all_that_extend_it():
    assert [services("service_templates.small.cpu=4")[name].cpu for name in ("web", "api", "own")] == [
        4,
        2,
        1,
    ]
    roomy = services(alternative="roomy")
    assert (roomy["web"].cpu, roomy["web"].instances.max, roomy["api"].instances.max) == (4, 20, 40)


def test_a_short_path_finds_what_only_the_template_says():
    assert services("services.web.service_time=50ms")["web"].service_time == 0.05


def test_it_is_the_same_as_writing_everything_out():
    written = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 10, entry: {web: 1, own: 1}}
        services:
          web:
            platform: cloud-run
            cpu: 1
            service_time: 100ms
            instances: {min: 1, max: 10}
            target_utilization: {cpu: 60%}
            calls: {api: 2}
          api:
            platform: cloud-run
            cpu: 2
            service_time: 100ms
            instances: {min: 1, max: 40}
            target_utilization: {cpu: 60%}
          own: {platform: cloud-run, service_time: 1s}
    """
    extended, plain = estimate_of(PLAN, ENTRY), estimate_of(written)
    for name in ("web", "api", "own"):
        assert peak(extended, name) == peak(plain, name)
        assert monthly(extended, name) == monthly(plain, name)


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (
            ["services.web.extends=smal"],
            "services.web.extends: no service template 'smal'. Did you mean 'small'?",
        ),
        (["services.web.extends=3"], "services.web.extends: no service template '3'"),
        (["services.web.extends=[small]"], "services.web.extends: no service template"),
        (["service_templates=null"], "services.web.extends: no service template 'small'"),
        (["service_templates.small=5"], "services.web.extends: no service template 'small'"),
        (["service_templates.small.cpus=2"], "services.web.cpus: unknown field. Did you mean 'cpu'?"),
        (["service_templates.small.cpu=-2"], "must be above 0, got -2"),
        (["service_templates.small.extends=small"], "services.web.extends: unknown field"),
        (["service_templates.small.platform=null"], "services.web: needs a 'platform'"),
    ],
)
def test_bad_templates(sets, says):
    with pytest.raises(InputError) as caught:
        services(*sets)
    assert says in str(caught.value)


def test_llm_governance_writes_its_eight_services_once():
    """Each of the eight has 3 to 10 replicas, from one template."""
    file = read_plan(ROOT / "examples" / "llm-governance")
    assert len(file.plan.services) == 8
    for service in file.plan.services.values():
        assert (service.instances.min, service.instances.max) == (3, 10)
    text = (ROOT / "examples" / "llm-governance" / "plan.yaml").read_text()
    assert text.count("{min: 3, max: 10}") == 1


def test_amas_agents_have_2_to_50_pods():
    for service in read_plan(ROOT / "examples" / "amas").plan.services.values():
        assert (service.instances.min, service.instances.max) == (2, 50)
