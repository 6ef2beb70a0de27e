"""GPUs that the catalog lacks, as plans and price books describe them."""

from typing import Any, Literal

from pydantic import Field, model_validator

from capplan.plan.fields import Memory, Positive, Section, Words


class Rates(Section):
    """Dense peak rates of a GPU, TFLOP/s."""

    fp16: Positive | None = Field(None, description="FP16, accumulated in FP32.")
    bf16: Positive | None = Field(None, description="BF16.")
    fp8: Positive | None = Field(None, description="FP8.")
    int8: Positive | None = Field(None, description="INT8, TOP/s.")
    fp4: Positive | None = Field(None, description="FP4.")

    @model_validator(mode="after")
    def _wide(self) -> "Rates":
        if self.fp16 is None and self.bf16 is None:
            raise ValueError("give fp16 or bf16: attention and embeddings are computed at 16 bit")
        return self


class OwnGpu(Section):
    """A GPU that the catalog lacks, or has other figures of, as its datasheet has it."""

    memory: Memory = Field(description="Memory that an engine can use, as nvidia-smi or its like says.")
    memory_gb_per_s: Positive = Field(description="GB/s of the memory.")
    tflops: Rates = Field(
        description="Dense rates by number format; formats without a rate cannot be served."
    )
    link: Literal["PCIe", "NVLink"] = Field(
        "PCIe", description="NVLink for any link that GPUs have among them."
    )
    link_gb_per_s: Positive | None = Field(
        None, description="GB/s of the link in one direction; without it, one GPU serves a replica."
    )
    architecture: str = Field(
        "unknown", description="Family whose kernels it runs, such as Hopper; those of any GPU by default."
    )
    compute_capability: Positive | None = Field(None, description="NVIDIA's; left out for GPUs of others.")
    source: Words = Field("the plan", description="Where the figures come from.")

    @property
    def row(self) -> dict[str, Any]:
        """The figures as the catalog's table of GPUs has them."""
        given = self.model_dump(
            include={"memory_gb_per_s", "tflops", "architecture", "compute_capability", "source"}
        )
        own = {"memory_gb": float(self.memory) * 2**30 / 1e9, "confidence": "unmeasured"}
        return {**given, **own, "interconnect": self.link, "link_gb_per_s": self.link_gb_per_s}


class OwnGpus(Section):
    """The GPUs of a price book."""

    gpus: dict[str, OwnGpu] = {}
