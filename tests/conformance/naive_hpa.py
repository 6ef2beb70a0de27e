"""The HPA a second time, as plainly as it can be said: pods and samples in dictionaries, logs in lists.

For comparison with :mod:`capplan.autoscale.hpa`, which adds pods up before it decides and keeps its logs in
columns. Source: kubernetes v1.36.2, pkg/controller/podautoscaler.
"""

import math
from dataclasses import dataclass, field

NO = None


@dataclass
class Pod:
    name: str
    request: int | None
    phase: str
    deleting: bool
    ready: str | None
    started: float | None
    changed: float


@dataclass
class Side:
    policies: list
    select: str
    window: float


@dataclass
class Controller:
    """One HPA and what its controller remembers; behavior is None or (up, down).

    able, limited: the conditions AbleToScale and ScalingLimited; empty before they are first set.
    """

    low: int
    high: int
    behavior: tuple | None
    window: float = 300.0
    log: list = field(default_factory=list)
    ups: list = field(default_factory=list)
    downs: list = field(default_factory=list)
    able: str = ""
    limited: str = ""

    def sync(self, now, current, proposals):
        """Return the replicas set; a proposal of None is a metric that failed."""
        if not self.log:
            self.log.append([current, now])
        self.able = "True/SucceededGetScale"
        if current == 0:
            return 0
        if current > self.high or current < self.low:
            wanted = self.high if current > self.high else self.low
        else:
            good = [p for p in proposals if p is not None]
            best = max(good, default=0)
            if not good or (len(good) < len(proposals) and best < current):
                return current
            wanted = (
                self.legacy(now, current, best) if self.behavior is None else self.shaped(now, current, best)
            )
        if wanted != current:
            self.able = "True/SucceededRescale"
            if self.behavior is not None:
                self.remember(now, wanted - current)
        return wanted

    def within(self, calm, floor, ceiling, below, above):
        """Return ``calm`` between the limits, and say in ``limited`` which of them changed it."""
        wanted = min(max(calm, floor), ceiling)
        why = below if calm < floor else above
        self.limited = "False/DesiredWithinRange" if wanted == calm else f"True/{why}"
        return wanted

    def put(self, log, entry, old):
        places = [i for i, one in enumerate(log) if old(one)]
        if places:
            log[places[-1]] = entry
        else:
            log.append(entry)

    def legacy(self, now, current, proposal):
        calm = max([proposal] + [r for r, t in self.log if now - t <= self.window])
        self.put(self.log, [proposal, now], lambda one: now - one[1] > self.window)
        self.able = "True/ReadyForNewScale" if calm == proposal else "True/ScaleDownStabilized"
        cap = int(max(2.0 * current, 4.0))
        above = "ScaleUpLimit" if self.high > cap else "TooManyReplicas"
        return self.within(calm, self.low, max(min(self.high, cap), self.low), "TooFewReplicas", above)

    def shaped(self, now, current, proposal):
        up, down = self.behavior
        least = min([proposal] + [r for r, t in self.log if now - t < up.window])
        most = max([proposal] + [r for r, t in self.log if now - t < down.window])
        calm = min(max(current, least), most)
        self.put(self.log, [proposal, now], lambda o: now - o[1] > up.window and now - o[1] > down.window)
        held = "ScaleUpStabilized" if proposal >= current else "ScaleDownStabilized"
        self.able = "True/ReadyForNewScale" if calm == proposal else f"True/{held}"
        if calm > current:
            limits = [
                self.start(now, current, p) + amount_up(p, self.start(now, current, p)) for p in up.policies
            ]
            limit = max({"Max": max, "Min": min, "Disabled": lambda _: current}[up.select](limits), current)
            above = "ScaleUpLimit" if self.high > limit else "TooManyReplicas"
            return self.within(calm, calm, min(self.high, limit), "", above)
        if calm < current:
            limits = [down_to(p, self.start(now, current, p)) for p in down.policies]
            limit = min({"Max": min, "Min": max, "Disabled": lambda _: current}[down.select](limits), current)
            below = "ScaleDownLimit" if self.low < limit else "TooFewReplicas"
            return self.within(calm, max(self.low, limit), current, below, "")
        return self.within(calm, calm, calm, "", "")

    def start(self, now, current, policy):
        period = policy[2]
        added = sum(change for change, t, _ in self.ups if now - t < period)
        removed = sum(change for change, t, _ in self.downs if now - t < period)
        return current - added + removed

    def remember(self, now, change):
        log, side = (self.ups, self.behavior[0]) if change > 0 else (self.downs, self.behavior[1])
        for event in log:
            event[2] = event[2] or now - event[1] > max(period for _, _, period in side.policies)
        self.put(log, [abs(change), now, False], lambda event: event[2])


def amount_up(policy, base):
    kind, amount, _ = policy
    return amount if kind == "Pods" else math.ceil(base * (1 + amount / 100)) - base


def down_to(policy, base):
    kind, amount, _ = policy
    return base - amount if kind == "Pods" else int(base * (1 - amount / 100))


def classed(pod, sample, is_cpu, now, init=300.0, delay=30.0):
    """Return "ignored", "unready", "missing" or "ready"; a sample is (usage, time, window)."""
    if pod.deleting or pod.phase == "Failed":
        return "ignored"
    if pod.phase == "Pending":
        return "unready"
    if sample is None:
        return "missing"
    if not is_cpu:
        return "ready"
    if pod.ready is None or pod.started is None:
        return "unready"
    if pod.started + init > now:
        early = pod.ready == "False" or sample[1] < pod.changed + sample[2]
    else:
        early = pod.ready == "False" and pod.started + delay > pod.changed
    return "unready" if early else "ready"


def replicas(pods, samples, target, is_percent, is_cpu, current, up, down, now):
    """Return (proposal, use shown) of a metric that each pod has, or None for an error."""
    classes = {pod.name: classed(pod, samples.get(pod.name), is_cpu, now) for pod in pods}
    of = {kind: [n for n, c in classes.items() if c == kind] for kind in ("unready", "missing", "ready")}
    used = {n: s[0] for n, s in samples.items() if classes.get(n) not in ("ignored", "unready")}
    requests = {pod.name: pod.request for pod in pods} if is_percent else None
    if not pods or not used or (is_percent and None in requests.values()):
        return NO
    first = ratio(used, requests, target)
    if first is NO:
        return NO
    one, shown = first

    def near(r):
        return 1 - down <= r <= 1 + up

    if not of["missing"] and not (of["unready"] and one > 1):
        return (current if near(one) else math.ceil(one * len(of["ready"]))), shown
    fill(used, of, requests, target, one)
    two, _ = ratio(used, requests, target)
    wanted = math.ceil(two * len(used))
    turns = (one < 1 < two) or (two < 1 < one)
    held = (two < 1 and wanted > current) or (two > 1 and wanted < current)
    return (current if near(two) or turns or held else wanted), shown


def ratio(used, requests, target):
    """Return (use by target, use): percent of the requests, or the average where there are none."""
    if requests is None:
        shown = sum(used.values()) // len(used)
        return shown / target, shown
    known = [n for n in used if n in requests]
    if sum(requests[n] for n in known) == 0:
        return NO
    shown = 100 * sum(used[n] for n in known) // sum(requests[n] for n in known)
    return shown / target, shown


def fill(used, of, requests, target, one):
    """Give pods without a sample one that holds the count back."""
    for name in of["missing"] if one != 1 else []:
        full = target if requests is None else requests[name] * max(100, target) // 100
        used[name] = full if one < 1 else 0
    for name in of["unready"] if one > 1 else []:
        used[name] = 0
