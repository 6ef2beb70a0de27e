"""Checks of manifests: secrets, and what faces the internet."""

from __future__ import annotations

from capplan.findings import Check

LITERAL_SECRET = Check(
    code="literal-secret",
    severity="warning",
    title="A secret is written out",
    why="Everybody who can read the repository, or the object, knows it.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, env: [{name: DB_PASSWORD, value: hunter2}]}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, env: [{name: DB_PASSWORD_FILE, value: /run/secrets/db}]}]}}}
""",
    remedy="Use a secretKeyRef.",
    source="https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-environment-variables",
)
PASSWORD_IN_URL = Check(
    code="password-in-url",
    severity="warning",
    title="A URL holds a password",
    why="Everybody who can read the repository knows it, and URLs end up in logs.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, args: ["--db=postgres://shop:hunter2@db/shop"]}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, args: ["--db=postgres://shop:$(PASSWORD)@db/shop"]}]}}}
""",
    remedy="Use a secret.",
    source="https://kubernetes.io/docs/concepts/configuration/secret/",
)
SECRET_IN_MANIFEST = Check(
    code="secret-in-manifest",
    severity="warning",
    title="The values of a Secret are among the manifests",
    why="Base64 is not encryption: whoever can read the repository can read the values.",
    breaks="""\
kind: Secret
stringData: {password: hunter2}
""",
    near="""\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: web}
spec: {target: {name: web}}
""",
    remedy="Let a secret store make it, or seal it.",
    source="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
)
PUBLIC_SERVICE = Check(
    code="public-service",
    severity="warning",
    title="A Service is open to the internet",
    why="Clouds give a load balancer a public address by default, so anybody can reach it.",
    breaks="""\
kind: Service
spec: {type: LoadBalancer}
""",
    near="""\
kind: Service
spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}
""",
    remedy="Restrict it with loadBalancerSourceRanges, or say that it is meant: `capplan/public: 'true'`.",
    source="https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer",
)
POD_SECURITY_LEVEL = Check(
    code="pod-security-level",
    severity="error",
    title="A pod security level that does not exist",
    why="The namespace is then not protected at all.",
    breaks="""\
kind: Namespace
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: strict}}
""",
    near="""\
kind: Namespace
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}
""",
    remedy="Use privileged, baseline or restricted.",
    source="https://kubernetes.io/docs/concepts/security/pod-security-admission/",
)
