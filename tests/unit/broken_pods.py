"""Mutations of what runs in a cluster."""

from changes import setting
from mutations import ACCOUNT, CELL, WORKLOADS, Mutation

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NAMESPACE = "kubernetes:core/v1:Namespace"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
REPOSITORY = "aws:ecr/repository:Repository"
POD = "spec.template.spec"
FIRST = f"{POD}.containers.0"

MUTATIONS = (
    Mutation(
        sees="K8S-01 admits_restricted_pods_only",
        stack=WORKLOADS,
        type=NAMESPACE,
        change=lambda props: props["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"}),
    ),
    Mutation(
        sees="K8S-02 drops_all_capabilities",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    ),
    Mutation(
        sees="K8S-02 gains_no_privileges",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.allowPrivilegeEscalation", True),
    ),
    Mutation(
        sees="K8S-02 has_a_read_only_root",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.securityContext.readOnlyRootFilesystem", False),
    ),
    Mutation(
        sees="K8S-02 has_a_seccomp_profile",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.securityContext.seccompProfile", {"type": "Unconfined"}),
    ),
    Mutation(
        sees="K8S-02 runs_as_no_root",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.securityContext.runAsNonRoot", False),
    ),
    Mutation(
        sees="K8S-03 comes_from_a_private_registry",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.image", f"public.ecr.aws/somebody/gateway@sha256:{'0' * 64}"),
    ),
    Mutation(
        sees="K8S-03 is_fixed_by_digest",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/eu-west-1/gateway:latest"),
    ),
    Mutation(
        sees="K8S-04 no_entry_holds_a_secret",
        stack=WORKLOADS,
        type="kubernetes:core/v1:ConfigMap",
        change=lambda props: props["data"].update({"url": "postgres://payments:hunter2@database:5432/payments"}),
    ),
    Mutation(
        sees="K8S-04 no_variable_holds_a_secret",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.env", [{"name": "DATABASE_PASSWORD", "value": "hunter2"}]),
    ),
    Mutation(
        sees="K8S-05 has_a_disruption_budget",
        stack=WORKLOADS,
        type="kubernetes:policy/v1:PodDisruptionBudget",
        name="eu-west-1-payments",
    ),
    Mutation(
        sees="K8S-05 is_spread_over_zones",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{POD}.topologySpreadConstraints", []),
    ),
    Mutation(
        sees="K8S-05 has_three_replicas",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        name="egress",
        change=setting("spec.replicas", 2),
    ),
    Mutation(
        sees="K8S-05 requests_processor_time",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.resources.requests", {"memory": "1Gi"}),
    ),
    Mutation(
        sees="K8S-05 limits_memory",
        stack=WORKLOADS,
        type=DEPLOYMENT,
        change=setting(f"{FIRST}.resources.limits", {}),
    ),
    Mutation(
        sees="K8S-06 enters_no_pods",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.resources", ["pods/exec"]),
    ),
    Mutation(
        sees="K8S-06 hands_out_no_rights",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.verbs", ["impersonate"]),
    ),
    Mutation(
        sees="K8S-06 names_what_it_allows",
        stack=WORKLOADS,
        type=CLUSTER_ROLE,
        change=setting("rules.0.resources", ["*"]),
    ),
    Mutation(
        sees="K8S-07 keeps_its_tags",
        stack=CELL,
        type=REPOSITORY,
        change=setting("imageTagMutability", "MUTABLE"),
    ),
    Mutation(
        sees="K8S-07 registry_scans_its_images",
        stack=ACCOUNT,
        type="aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        change=setting("rules", []),
    ),
    Mutation(
        sees="K8S-07 scans_its_images",
        stack=CELL,
        type=REPOSITORY,
        change=setting("imageScanningConfiguration", {"scanOnPush": False}),
    ),
)
