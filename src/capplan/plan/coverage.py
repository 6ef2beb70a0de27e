"""What an adopted plan knows of its source: the resource behind each component, and what is not covered."""

from collections import Counter

from pydantic import Field

from capplan.plan.fields import Section, Whole


class Remark(Section):
    """Something about one resource of the source."""

    resource: str = Field(description="Address of the resource, such as aws_instance.web or Deployment/web.")
    type: str = Field("", description="Its type or kind; empty for a file that holds no resource.")
    reason: str = Field(description="What is assumed, or why its cost is missing.")
    file: str = Field("", description="File that holds it.")
    fingerprint: str = Field("", description="Changes when the resource does.")


class Coverage(Section):
    """Where an adopted plan comes from, and how much of that it covers."""

    from_: str = Field(alias="from", description="File or directory that was adopted.")
    resources: Whole = Field(description="Resources that the source holds.")
    free: dict[str, Whole] = Field({}, description="Resources that cost nothing by themselves, by type.")
    components: dict[str, str] = Field({}, description="Address of the resource behind each component.")
    moved: dict[str, str] = Field({}, description="Former address of each resource that has moved.")
    not_covered: list[Remark] = Field(
        [], description="Resources whose cost is missing from the plan, wholly or in part."
    )
    assumed: list[Remark] = Field([], description="What the source does not say, and what is assumed.")

    @property
    def billable(self) -> int:
        """Resources that may cost something."""
        return round(float(self.resources)) - sum(round(float(count)) for count in self.free.values())

    @property
    def covered(self) -> int:
        """Resources that may cost something and have no remark that part of their cost is missing."""
        return max(self.billable - len({one.resource for one in self.not_covered if one.type}), 0)

    @property
    def left_out(self) -> Counter[str]:
        """Resources that are not, or only partly, covered: how many of each type."""
        return Counter(kind or "file" for _, kind in {(one.resource, one.type) for one in self.not_covered})
