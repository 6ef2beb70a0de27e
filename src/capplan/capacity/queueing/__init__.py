"""Queueing: how long requests wait, and how many servers keep a promise. Pure, vectorised numpy.

Symbols as in the literature: arrival rate λ (1/s), mean service time S (s), servers c, offered load
A = λ·S (erlang), utilization ρ = A/c, squared coefficients of variation Ca² of the times between arrivals
and Cs² of the service times. Where ρ ≥ 1 there is no answer: waiting is NaN or infinite, never a number.
"""

from capplan.capacity.queueing.erlang import (
    erlang_b,
    erlang_c,
    load_for_blocking,
    servers_for_blocking,
    square_root_staffing,
)

__all__ = [
    "erlang_b",
    "erlang_c",
    "load_for_blocking",
    "servers_for_blocking",
    "square_root_staffing",
]
