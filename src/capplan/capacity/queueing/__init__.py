"""Queueing: how long requests wait, and how many servers keep a promise. Pure, vectorised numpy.

Symbols as in the literature: arrival rate λ (1/s), mean service time S (s), servers c, offered load
A = λ·S (erlang), utilization ρ = A/c, squared coefficients of variation Ca² of the times between arrivals
and Cs² of the service times. At ρ ≥ 1 everybody waits and a time is infinite; nothing is ever NaN.
"""

from capplan.capacity.queueing.erlang import (
    erlang_b,
    erlang_c,
    load_for_blocking,
    servers_for_blocking,
    square_root_staffing,
)
from capplan.capacity.queueing.finite import (
    Steady,
    closed_mmm,
    erlang_a,
    mmck,
)
from capplan.capacity.queueing.general import (
    allen_cunneen_wait,
    cosmetatos_wait,
    ggc_response_percentile,
    ggc_response_survival,
    ggc_wait_survival,
    index_of_dispersion,
    kimura_wait,
    sakasegawa_wait,
)
from capplan.capacity.queueing.multiserver import (
    mmc_empty_share,
    mmc_response_mean,
    mmc_response_survival,
    mmc_wait_mean,
    mmc_wait_percentile,
    mmc_wait_survival,
)
from capplan.capacity.queueing.operational import (
    asymptotic_bounds,
    mean_value_analysis,
    number_in_system,
    offered_load,
    utilization,
)
from capplan.capacity.queueing.sharing import (
    ps_response_mean,
    ps_response_percentile,
)
from capplan.capacity.queueing.staffing import (
    cores_for_response,
    rate_for_response,
    servers_for_response,
    servers_for_wait,
)

__all__ = [
    "Steady",
    "allen_cunneen_wait",
    "asymptotic_bounds",
    "closed_mmm",
    "cores_for_response",
    "cosmetatos_wait",
    "erlang_a",
    "erlang_b",
    "erlang_c",
    "ggc_response_percentile",
    "ggc_response_survival",
    "ggc_wait_survival",
    "index_of_dispersion",
    "kimura_wait",
    "load_for_blocking",
    "mean_value_analysis",
    "mmc_empty_share",
    "mmc_response_mean",
    "mmc_response_survival",
    "mmc_wait_mean",
    "mmc_wait_percentile",
    "mmc_wait_survival",
    "mmck",
    "number_in_system",
    "offered_load",
    "ps_response_mean",
    "ps_response_percentile",
    "rate_for_response",
    "sakasegawa_wait",
    "servers_for_blocking",
    "servers_for_response",
    "servers_for_wait",
    "square_root_staffing",
    "utilization",
]
