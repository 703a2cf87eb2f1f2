"""Lambda, ECS and CodeBuild: what computes in which network. Environment variables are not kept."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import arn, picked

FUNCTIONS = Question(
    service="lambda",
    operation="list_functions",
    keep=tuple(f"Functions.{name}" for name in ("FunctionName", "FunctionArn", "Role", "KMSKeyArn", "VpcConfig")),
    items="Functions",
)
CLUSTERS = Question(service="ecs", operation="list_clusters", keep=("clusterArns",), items="clusterArns")
SERVICES = Question(service="ecs", operation="list_services", keep=("serviceArns",), items="serviceArns")
SERVICE = Question(
    service="ecs",
    operation="describe_services",
    keep=tuple(
        f"services.{name}"
        for name in ("serviceName", "serviceArn", "clusterArn", "networkConfiguration", "launchType", "status")
    ),
)
PROJECTS = Question(service="codebuild", operation="list_projects", keep=("projects",), items="projects")

ASKED_AT_ONCE = 10
"""Services in one call (ECS API reference, DescribeServices)."""


def functions(region: Region) -> Iterator[Live]:
    """Functions. Their tags are not in the list, and no clause is about a function."""
    for raw in region.pages(FUNCTIONS):
        yield Live(
            id=raw["FunctionName"],
            props=picked(
                raw, arn="FunctionArn", name="FunctionName", role="Role", kmsKeyArn="KMSKeyArn", vpcConfig="VpcConfig"
            ),
        )


def services(region: Region) -> Iterator[Live]:
    """Services of all clusters."""
    for cluster in region.pages(CLUSTERS):
        arns = region.pages(SERVICES, cluster=cluster)
        for start in range(0, len(arns), ASKED_AT_ONCE):
            answer = region.ask(SERVICE, cluster=cluster, services=arns[start : start + ASKED_AT_ONCE])
            for raw in (answer or {}).get("services", ()):
                network = (raw.get("networkConfiguration") or {}).get("awsvpcConfiguration")
                yield Live(
                    id=raw["serviceArn"],
                    name=raw["serviceName"],
                    props=picked(raw, arn="serviceArn", name="serviceName", cluster="clusterArn")
                    | ({"networkConfiguration": network} if network else {}),
                )


def projects(region: Region) -> Iterator[Live]:
    """Projects of CodeBuild, by name only: what more there is of one has its variables beside it."""
    for name in region.pages(PROJECTS):
        yield Live(id=arn(region, "codebuild", f"project/{name}"), name=name, props={"name": name})


Reader(type="aws:codebuild/project:Project", read=projects, source=PROJECTS, identity=("name",))
Reader(type="aws:ecs/service:Service", read=services, source=CLUSTERS)
Reader(type="aws:lambda/function:Function", read=functions, source=FUNCTIONS)
