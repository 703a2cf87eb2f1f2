"""ECR: repositories with their policies, and what holds for the whole registry of a region."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of

LIST = Question(
    service="ecr",
    operation="describe_repositories",
    keep=tuple(
        f"repositories.{name}"
        for name in (
            *("repositoryArn", "repositoryName", "registryId", "repositoryUri", "imageTagMutability"),
            *("imageScanningConfiguration.scanOnPush", "encryptionConfiguration"),
        )
    ),
    items="repositories",
)
TAGS = Question(service="ecr", operation="list_tags_for_resource", keep=("tags",), items="tags")
POLICY = Question(
    service="ecr",
    operation="get_repository_policy",
    keep=("policyText",),
    absent=frozenset({"RepositoryPolicyNotFoundException"}),
)
LIFECYCLE = Question(
    service="ecr",
    operation="get_lifecycle_policy",
    keep=("lifecyclePolicyText",),
    absent=frozenset({"LifecyclePolicyNotFoundException"}),
)
SCANNING = Question(
    service="ecr", operation="get_registry_scanning_configuration", keep=("registryId", "scanningConfiguration")
)
REGISTRY = Question(service="ecr", operation="describe_registry", keep=("registryId", "replicationConfiguration"))


def repositories(region: Region) -> Iterator[Live]:
    """Private repositories."""
    for found in region.pages(LIST):
        encryption = found.get("encryptionConfiguration")
        yield Live(
            id=found["repositoryName"],
            props={
                "arn": found["repositoryArn"],
                "name": found["repositoryName"],
                "registryId": found.get("registryId", ""),
                "repositoryUrl": found.get("repositoryUri", ""),
                "imageTagMutability": found.get("imageTagMutability", "MUTABLE"),
                "imageScanningConfiguration": found.get("imageScanningConfiguration") or {},
                "encryptionConfigurations": [encryption] if encryption else [],
                "tags": tags_of(region, TAGS, resourceArn=found["repositoryArn"]),
            },
        )


def policies(region: Region) -> Iterator[Live]:
    """Policies of repositories that have one."""
    return _texts(region, POLICY, "policyText")


def lifecycles(region: Region) -> Iterator[Live]:
    """Lifecycle policies of repositories that have one."""
    return _texts(region, LIFECYCLE, "lifecyclePolicyText")


def _texts(region: Region, question: Question, name: str) -> Iterator[Live]:
    for found in region.pages(LIST):
        repository = found["repositoryName"]
        answer = region.ask(question, repositoryName=repository)
        if answer:
            props = {"repository": repository, "registryId": found.get("registryId", ""), "policy": answer[name]}
            yield Live(id=repository, props=props)


def scanning(region: Region) -> Iterator[Live]:
    """A registry always answers; one without rules scans nothing by itself and nobody set it."""
    answer = region.ask(SCANNING) or {}
    found = answer.get("scanningConfiguration") or {}
    if found.get("rules"):
        yield Live(id=answer["registryId"], props={"registryId": answer["registryId"], **found})


def replication(region: Region) -> Iterator[Live]:
    """A registry without rules replicates nothing: no resource."""
    answer = region.ask(REGISTRY) or {}
    found = answer.get("replicationConfiguration") or {}
    if found.get("rules"):
        yield Live(
            id=answer["registryId"], props={"registryId": answer["registryId"], "replicationConfiguration": found}
        )


Reader(type="aws:ecr/repository:Repository", read=repositories, source=LIST)
Reader(type="aws:ecr/repositoryPolicy:RepositoryPolicy", read=policies, source=LIST)
Reader(type="aws:ecr/lifecyclePolicy:LifecyclePolicy", read=lifecycles, source=LIST)
Reader(type="aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration", read=scanning, source=SCANNING)
Reader(type="aws:ecr/replicationConfiguration:ReplicationConfiguration", read=replication, source=REGISTRY)
