"""The Kubernetes HorizontalPodAutoscaler (autoscaling/v2), decision by decision.

Written like its specification: one file a concept, scalar arithmetic on integers in milli-units. The source
of every rule is kubernetes v1.36.2, pkg/controller/podautoscaler; older versions differ as
:func:`capplan.autoscale.hpa.spec.hpa` says.
"""
