"""One simulated service for tests: 10 requests/s an instance, 70 % CPU target, ready after 30 s."""

import numpy as np

from capplan.autoscale import knative
from capplan.autoscale import signals as s
from capplan.autoscale.compiled import COMPILED, ints, reals
from capplan.autoscale.fleet import FleetSpec
from capplan.autoscale.hpa.pods import Readiness
from capplan.autoscale.hpa.spec import SYNC_S, hpa
from capplan.autoscale.keda import ScaledObject
from capplan.autoscale.knative import Kpa
from capplan.autoscale.loop import HPA, KNATIVE, RHO_STEPS, TRACKING, Scaler, SimulatedService, simulate
from capplan.autoscale.tracking import Tracking
from capplan.autoscale.traffic import Traffic
from capplan.autoscale.window import Window

TICK_S = 15.0
RATE_RPS = 10.0


def traffic(**changes):
    plain = Traffic(TICK_S, RATE_RPS, 30.0, 0, 0.0, reals([1.0, 0.6, 0.4]), reals([0.5, 0.75]), 0.0, 30.0)
    return plain._replace(**changes)


def metrics(*columns, window_s=TICK_S):
    """Columns are (measure, asked, target in milli-units or percent); all are averaged over ``window_s``."""
    measures, asked, targets = zip(*columns, strict=True)
    return s.ScalerMetrics(
        measures=ints(list(measures)),
        asked=ints(list(asked)),
        targets=ints(list(targets)),
        windows_s=reals([window_s] * len(columns)),
        quantiles=reals([0.95] * len(columns)),
        activations=reals(len(columns)),
    )


def service(kind=HPA, low=1, high=20, startup_s=30.0, measures=None, initial=1, **changes):
    scaler = Scaler(
        kind=kind,
        low=low,
        high=high,
        sync_s={TRACKING: 60.0, KNATIVE: knative.TICK_S}.get(kind, SYNC_S),
        metrics=measures or metrics((s.CPU, s.ON_PODS, 70)),
        hpa=hpa(max(low, 1), high, has_external=True),
        keda=ScaledObject(low=low),
        window=Window(milli_cores=1000.0),
        tracking=Tracking(target_milli=700.0),
        kpa=Kpa(target=0.7),
        readiness=Readiness(),
    )
    made = SimulatedService(
        traffic=traffic(),
        fleet=FleetSpec(startup_s),
        use=s.Use(100.0, 1000, 0.0, 0.0, 1.0, 0.1, 1),
        scaler=scaler,
        p95_s=reals(RHO_STEPS),
        slack_s=reals([1.0] * RHO_STEPS),
        initial=initial,
    )
    return made._replace(**changes)


def run(made, arrivals):
    """Return the timeline as arrays."""
    given = np.asarray(arrivals, dtype=float)
    timeline = simulate(made, given if COMPILED else given.tolist())
    return timeline._replace(**{name: np.asarray(column) for name, column in timeline._asdict().items()})
