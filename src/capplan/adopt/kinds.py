"""Kinds of Kubernetes objects: what runs, what finishes, what orders something, and what costs nothing."""

from __future__ import annotations

RUNNING = (
    *("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Pod"),
    *("Rollout", "CloneSet", "DeploymentConfig"),
)
"""Pods that stay. Rollouts are Argo's, CloneSets OpenKruise's, DeploymentConfigs OpenShift's."""

FINISHING = ("Job", "CronJob", "ScaledJob")
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
READ = (*RUNNING, *FINISHING, *SCALERS, "DaemonSet", "PersistentVolumeClaim", "LimitRange", "Gateway")

_FREE = """
    APIService Namespace ConfigMap Secret ServiceAccount Role RoleBinding ClusterRole ClusterRoleBinding
    Service Ingress IngressClass IngressClassParams NetworkPolicy PodDisruptionBudget PriorityClass
    StorageClass ResourceQuota VerticalPodAutoscaler CustomResourceDefinition RuntimeClass PersistentVolume
    ValidatingWebhookConfiguration MutatingWebhookConfiguration ValidatingAdmissionPolicy
    ValidatingAdmissionPolicyBinding Endpoints EndpointSlice PodSecurityPolicy FlowSchema
    PriorityLevelConfiguration Lease CSIDriver VolumeSnapshotClass VolumeAttributesClass
    ResourceClaim ResourceClaimTemplate DeviceClass Kustomization Component
    GatewayClass HTTPRoute GRPCRoute TCPRoute TLSRoute UDPRoute ReferenceGrant
    Event ControllerRevision ComponentStatus PodTemplate
    BackendConfig FrontendConfig ManagedCertificate TargetGroupBinding
    TriggerAuthentication ClusterTriggerAuthentication
    ServiceMonitor PodMonitor Probe ScrapeConfig PrometheusRule AlertmanagerConfig PodMonitoring Rules
    AnalysisTemplate ClusterAnalysisTemplate
    Certificate Issuer ClusterIssuer ExternalSecret SecretStore ClusterSecretStore SealedSecret
    VirtualService DestinationRule ServiceEntry Sidecar EnvoyFilter Telemetry PeerAuthentication
    RequestAuthentication AuthorizationPolicy
    KafkaTopic KafkaUser KafkaConnector KafkaRebalance ScheduledBackup Publication Subscription
    ImageCatalog ClusterImageCatalog DatabaseRole
    NodePool EC2NodeClass ComputeClass ClusterPolicy
"""
FREE = frozenset(_FREE.split())
"""Kinds that order nothing from the provider by themselves."""
