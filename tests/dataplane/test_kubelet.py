"""Deployments run in the sandbox: pods, Services, network policies, mounts, credentials, restarts."""

# ruff: noqa: F811 - fixtures are imported by name
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from eks import CLUSTER, Eks, eks, make_cluster, make_namespace, wait  # noqa: F401

from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, Sandbox
from sandbox.kubernetes.client import Client, Manifest
from sandbox.kubernetes.errors import ApiError
from sandbox.lifecycle import processes
from sandbox.lifecycle.home import Home

pytestmark = pytest.mark.dataplane

IMAGE = f"{PRODUCTION_ACCOUNT}.dkr.ecr.{DEFAULT_REGION}.amazonaws.com/{DEFAULT_REGION}/{{}}@sha256:" + "a" * 64
WITHIN_S = 60.0
RESTRICTED = {"pod-security.kubernetes.io__enforce": "restricted"}
STATIC = "type.googleapis.com/envoy."


def bootstrap() -> dict[str, Any]:
    """An Envoy that reads listeners and clusters from its ConfigMap, as the cell's do."""

    def of(name: str) -> dict[str, Any]:
        source = {"path": f"/etc/envoy/{name}", "watched_directory": {"path": "/etc/envoy"}}
        return {"path_config_source": source, "resource_api_version": "V3"}

    return {
        "node": {"id": "x", "cluster": "x"},
        "dynamic_resources": {"lds_config": of("lds.json"), "cds_config": of("cds.json")},
    }


def listeners(answer: str) -> dict[str, Any]:
    """On 8080: `answer`; below /next what the Service `upstream` answers."""
    routes = [
        {"match": {"prefix": "/next"}, "route": {"cluster": "next", "prefix_rewrite": "/"}},
        {
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": {"inline_string": answer}},
        },
    ]
    manager = {
        "@type": f"{STATIC}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {"virtual_hosts": [{"name": "x", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{STATIC}extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "resources": [
            {
                "@type": f"{STATIC}config.listener.v3.Listener",
                "name": "in",
                "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
            }
        ]
    }


def clusters(upstream: str) -> dict[str, Any]:
    place = {"socket_address": {"address": upstream, "port_value": 8080}}
    return {
        "resources": [
            {
                "@type": f"{STATIC}config.cluster.v3.Cluster",
                "name": "next",
                "type": "STRICT_DNS",
                "connect_timeout": "1s",
                "load_assignment": {
                    "cluster_name": "next",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": place}}]}],
                },
            }
        ]
    }


def config_map(name: str, answer: str, upstream: str) -> Manifest:
    data = {"bootstrap.json": bootstrap(), "lds.json": listeners(answer), "cds.json": clusters(upstream)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {key: json.dumps(value) for key, value in data.items()},
    }


def deployment(name: str, replicas: int = 1, program: str = "gateway", **container: Any) -> Manifest:
    labels = {"app.kubernetes.io/name": name}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    spec = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 3,
        "containers": [
            {
                "name": name,
                "image": IMAGE.format(program),
                "args": ["-c", "/etc/envoy/bootstrap.json", "--concurrency", "1"],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/envoy"}],
                "startupProbe": {**probe, "failureThreshold": 30},
                "readinessProbe": probe,
                **container,
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": name}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def service(name: str) -> Manifest:
    ports = [{"name": "http", "port": 8080, "targetPort": 8080}]
    spec = {"selector": {"app.kubernetes.io/name": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def policy(name: str, caller: str | None) -> Manifest:
    """Pods `name` are called by `caller` only; by nobody for None."""
    callers = [{"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": caller}}}]}] if caller else []
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    spec = {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": callers}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLURAL = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
}


class Space:
    """A namespace with what the tests want to know of it."""

    def __init__(self, eks: Eks, name: str) -> None:
        self.eks, self.name = eks, name

    def path(self, kind: str, name: str = "") -> str:
        return PLURAL[kind].format(self.name) + (f"/{name}" if name else "")

    def apply(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            path = self.path(manifest["kind"], manifest["metadata"]["name"])
            self.eks.client.apply(path, manifest, "tests", force=True)

    def get(self, kind: str, name: str) -> Manifest:
        return self.eks.client.get(self.path(kind, name))

    def pods(self, name: str) -> list[Manifest]:
        listing = self.eks.client.get(self.path("Pod"), labelSelector=f"app.kubernetes.io/name={name}")
        return list(listing["items"])

    def condition(self, deployment: str, name: str) -> Manifest:
        found = self.get("Deployment", deployment).get("status", {}).get("conditions") or ()
        return next((c for c in found if c["type"] == name), {})

    def available(self, name: str, ready: int = 1) -> bool:
        live = self.get("Deployment", name)
        status = live.get("status", {})
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        whole = status.get("updatedReplicas") == status.get("replicas") == status.get("readyReplicas") == ready
        return seen and whole and self.condition(name, "Available").get("status") == "True"

    def processes(self, name: str) -> list[dict[str, Any]]:
        listed = json.loads(self.eks.sandbox.command("ps", "-o", "json").stdout)
        here = {"cluster": self.eks.name, "namespace": self.name}
        return [entry for entry in listed if here.items() <= entry.items() and entry["name"].startswith(name)]

    def fetch(self, name: str, path: str = "/") -> tuple[int, str]:
        """(status, body) of a GET as the operator; status 0 when nobody answers."""
        hosts = json.loads((self.eks.sandbox.home / "dataplane" / "hosts.json").read_text())
        place = hosts.get(f"{self.eks.name}/{name}.{self.name}.svc.cluster.local:8080")
        if place is None:
            return 0, ""
        connection = http.client.HTTPConnection(place, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()


@pytest.fixture(scope="module")
def space(eks: Eks) -> Space:
    """`front` calls `back` through its Service."""
    return front_and_back(eks)


def front_and_back(eks: Eks, answer: str = "back") -> Space:
    name = "pods"
    make_namespace(eks.client, name, **RESTRICTED)
    made = Space(eks, name)
    back = f"back.{name}.svc.cluster.local"
    made.apply(service("front"), service("back"), policy("back", "front"))
    made.apply(config_map("front", "front", back), config_map("back", answer, back))
    made.apply(deployment("front"), deployment("back"))
    wait(lambda: made.available("front") and made.available("back"), WITHIN_S, f"pods; see {eks.sandbox.home}/logs")
    return made


def test_a_deployment_runs_and_its_status_says_so(space: Space) -> None:
    [pod] = space.pods("back")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"].startswith("127.")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    assert space.condition("back", "Progressing")["reason"] == "NewReplicaSetAvailable"
    [process] = space.processes("back")
    assert (process["state"], process["ready"], process["program"]) == ("running", True, "gateway")


def test_a_service_is_reached_as_far_as_policies_allow(space: Space) -> None:
    wait(lambda: space.fetch("front", "/next") == (200, "back"), WITHIN_S, "front calls back")
    space.apply(policy("back", None))
    wait(lambda: space.fetch("front", "/next")[0] == 503, WITHIN_S, "front is refused")
    assert space.fetch("front") == (200, "front")
    space.apply(policy("back", "front"))
    wait(lambda: space.fetch("front", "/next") == (200, "back"), WITHIN_S, "front calls back again")


def test_a_changed_config_map_reaches_the_running_process(space: Space) -> None:
    [before] = space.processes("back")
    space.apply(config_map("back", "changed", f"back.{space.name}.svc.cluster.local"))
    wait(lambda: space.fetch("back") == (200, "changed"), WITHIN_S, "the new answer")
    [after] = space.processes("back")
    assert (after["pid"], after["restarts"]) == (before["pid"], before["restarts"])


def test_two_cells_share_no_process_and_neither_reaches_the_other(space: Space) -> None:
    sandbox = space.eks.sandbox
    other = front_and_back(make_cluster(sandbox, "second-cell"), "back of another cell")
    try:
        wait(lambda: other.fetch("front", "/next") == (200, "back of another cell"), WITHIN_S, "its own back")
        assert space.fetch("front", "/next")[1] != "back of another cell"
        mine, others = ({entry["pid"] for entry in one.processes("")} for one in (space, other))
        assert mine
        assert others
        assert not mine & others
        for pid in others:
            os.kill(pid, signal.SIGKILL)
        wait(lambda: other.available("front") and other.available("back"), WITHIN_S, "the other cell again")
        assert {entry["pid"] for entry in space.processes("")} == mine
    finally:
        sandbox.client("eks").delete_cluster(name="second-cell")


def test_a_killed_process_comes_back_with_backoff(space: Space) -> None:
    [before] = space.processes("back")
    os.kill(before["pid"], signal.SIGKILL)
    wait(lambda: space.pods("back")[0]["status"]["containerStatuses"][0]["restartCount"], WITHIN_S, "the restart")
    status = space.pods("back")[0]["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL
    wait(lambda: space.available("back"), WITHIN_S, "back again")
    [after] = space.processes("back")
    assert after["pid"] != before["pid"]
    wait(lambda: space.fetch("front", "/next")[0] == 200, WITHIN_S, "front calls the new process")


def test_a_changed_template_is_rolled_out_without_a_gap(space: Space) -> None:
    [before] = space.pods("front")
    space.apply(deployment("front", args=["-c", "/etc/envoy/bootstrap.json", "--concurrency", "1", "-l", "warn"]))
    served = []

    def rolled_out() -> bool:
        served.append(space.fetch("front")[0])
        return space.available("front") and [p["metadata"]["name"] for p in space.pods("front")] != [
            before["metadata"]["name"]
        ]

    wait(rolled_out, WITHIN_S, "the new pod alone")
    assert set(served) == {200}


def test_a_pod_that_pod_security_refuses_does_not_run_and_says_why(space: Space) -> None:
    space.apply(config_map("root", "root", "x.y.svc.cluster.local"))
    space.apply(deployment("root", securityContext={"privileged": True}))
    wait(lambda: space.condition("root", "ReplicaFailure"), WITHIN_S, "the refusal")
    assert "violates PodSecurity" in space.condition("root", "ReplicaFailure")["message"]
    assert space.pods("root") == []
    [shown] = space.processes("root")
    assert (shown["state"], shown["pid"]) == ("FailedCreate", None)
    assert "violates PodSecurity" in shown["reason"]


def test_an_image_without_a_program_is_declared_and_not_run(space: Space) -> None:
    space.apply(deployment("controller", program="load-balancer"))
    wait(lambda: space.condition("controller", "Available"), WITHIN_S, "a status")
    assert space.condition("controller", "Available")["reason"] == "DeclaredNotRun"
    assert space.pods("controller") == []
    assert [entry["state"] for entry in space.processes("controller")] == ["DeclaredNotRun"]


def as_pod(pid: int, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the environment of the pod's process, and with nothing else."""
    pairs = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    env = dict(pair.split("=", 1) for pair in pairs)
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


WHO_AM_I = "import boto3; print(boto3.client('sts', region_name='eu-west-1').get_caller_identity()['Arn'])"


def test_a_pod_has_the_credentials_of_its_role_and_no_others(space: Space) -> None:
    sandbox = space.eks.sandbox
    [process] = space.processes("back")
    without = as_pod(process["pid"], WHO_AM_I)
    assert "no pod identity association for pods/default" in without.stderr
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }
    role = sandbox.client("iam").create_role(RoleName="back", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    sandbox.client("eks").create_pod_identity_association(
        clusterName=CLUSTER, namespace=space.name, serviceAccount="default", roleArn=role["Arn"]
    )
    found = as_pod(process["pid"], WHO_AM_I)
    assert f":assumed-role/back/eks-{CLUSTER}-back-" in found.stdout, found.stderr


AGENT = "cloudwatch-agent.amazon-cloudwatch.svc.cluster.local"
SEND = """
import json, os, urllib.request
payment = [{"key": "payment", "value": {"stringValue": "pay_kubelet"}}]
span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "create", "attributes": payment}
span |= {"startTimeUnixNano": "1000", "endTimeUnixNano": "2000"}
body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
request = urllib.request.Request(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces", json.dumps(body).encode())
urllib.request.urlopen(request, timeout=5)
"""


def egress_to_agent(name: str, instance: str) -> Manifest:
    """Pods `name` call the pods of this instance in the add-on's namespace only."""
    made = policy(name, None)
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "amazon-cloudwatch"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/instance": instance}},
    }
    rule = {"to": [peer], "ports": [{"port": 4318, "protocol": "TCP"}]}
    made["spec"] |= {"policyTypes": ["Egress"], "egress": [rule]}
    return made


def test_spans_reach_the_agent_of_a_declared_add_on_where_a_policy_lets_them(space: Space) -> None:
    sandbox = space.eks.sandbox
    env = [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": f"http://{AGENT}:4318"}]
    space.apply(config_map("sender", "sender", f"back.{space.name}.svc.cluster.local"), deployment("sender", env=env))
    wait(lambda: space.available("sender"), WITHIN_S, "the sender")
    [process] = space.processes("sender")

    def sent() -> bool:
        return as_pod(process["pid"], SEND).returncode == 0

    assert not sent(), "no add-on takes them"
    configuration = {"agent": {"config": {"traces": {"traces_collected": {"otlp": {"http_endpoint": "0.0.0.0:4318"}}}}}}
    sandbox.client("eks").create_addon(
        clusterName=CLUSTER,
        addonName="amazon-cloudwatch-observability",
        configurationValues=json.dumps(configuration),
    )
    wait(sent, WITHIN_S, "the agent takes spans")
    space.apply(egress_to_agent("sender", "amazon-cloudwatch.somebody-else"))
    wait(lambda: not sent(), WITHIN_S, "no policy lets the sender")
    space.apply(egress_to_agent("sender", "amazon-cloudwatch.cloudwatch-agent"))
    wait(sent, WITHIN_S, "the policy lets the sender")
    assert "create  payment=pay_kubelet" in sandbox.command("trace", "pay_kubelet").stdout


def test_a_pod_without_egress_reaches_neither_aws_nor_its_credentials(space: Space) -> None:
    [process] = space.processes("back")
    closed = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "no-egress"},
        "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "back"}}, "policyTypes": ["Egress"]},
    }
    space.apply(closed)
    try:
        wait(lambda: "refused" in as_pod(process["pid"], CALL_AWS).stdout, WITHIN_S, "a closed way to AWS")
    finally:
        space.eks.client.delete(space.path("NetworkPolicy", "no-egress"))
    wait(lambda: "open" in as_pod(process["pid"], CALL_AWS).stdout, WITHIN_S, "an open way to AWS")


CALL_AWS = """
import os, socket, urllib.parse
url = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
try:
    socket.create_connection((url.hostname, url.port), 2).close()
    print("open")
except ConnectionRefusedError:
    print("refused")
"""


def state_of(pid: int) -> str:
    """One letter of the kernel: T for a stopped process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_scorer_is_stopped_slowed_and_killed_on_demand(space: Space) -> None:
    """An Envoy in its place: the fault is of the process, whatever it is."""
    sandbox = space.eks.sandbox
    space.apply(config_map("scorer", "scorer", "x.y.svc.cluster.local"), service("scorer"), deployment("scorer"))
    wait(lambda: space.fetch("scorer")[0] == 200, WITHIN_S, "a scorer")
    [before] = space.processes("scorer")
    sandbox.command("fault", "scorer-stop", "on")
    wait(lambda: state_of(before["pid"]) == "T", WITHIN_S, "it is stopped")
    wait(lambda: not space.processes("scorer")[0]["ready"], WITHIN_S, "its probe notices")
    sandbox.command("fault", "scorer-stop", "off")
    wait(lambda: space.fetch("scorer")[0] == 200, WITHIN_S, "it answers again")
    sandbox.command("fault", "scorer-slow", "on")
    wait(lambda: state_of(before["pid"]) == "T", WITHIN_S, "it is stopped for moments")
    wait(lambda: state_of(before["pid"]) != "T", WITHIN_S, "it is let go for moments")
    sandbox.command("fault", "scorer-slow", "off")
    sandbox.command("fault", "scorer-dead", "on")
    wait(lambda: space.processes("scorer")[0]["pid"] is None, WITHIN_S, "its process ends")
    wait(lambda: space.fetch("scorer")[0] == 0, WITHIN_S, "nobody answers")
    assert space.processes("scorer")[0]["pid"] is None
    sandbox.command("fault", "scorer-dead", "off")
    wait(lambda: space.fetch("scorer")[0] == 200, WITHIN_S, "it came back")


def lets_in(space: Space) -> bool:
    try:
        space.pods("front")
    except ApiError as error:
        if error.status != 401:
            raise
        return False
    return True


def test_a_dead_region_has_no_processes_and_answers_nothing_until_it_is_back(space: Space) -> None:
    sandbox = space.eks.sandbox
    fault = f"region-dead:{DEFAULT_REGION}"
    assert fault in sandbox.command("fault", fault, "on").stderr
    try:
        wait(lambda: all(one["pid"] is None for one in space.processes("")), WITHIN_S, "all processes end")
        wait(lambda: space.fetch("front")[0] == 0, WITHIN_S, "nobody answers")
        with pytest.raises(ConnectionClosedError):
            sandbox.client("sqs").list_queues()
        assert "QueueUrls" not in sandbox.client("sqs", region="eu-central-1").list_queues()
        wait(lambda: not lets_in(space), WITHIN_S, "the API server lets nobody in")
    finally:
        sandbox.command("fault", fault, "off")
    wait(lambda: space.fetch("front", "/next")[0] == 200, WITHIN_S, "it is back")
    wait(lambda: lets_in(space), WITHIN_S, "the API server knows its users again")
    assert "QueueUrls" not in sandbox.client("sqs").list_queues()


DOMAIN = "pods.example.com"
BINDINGS = "/apis/elbv2.k8s.aws/v1beta1/namespaces/{}/targetgroupbindings"


def binding_type() -> Manifest:
    """What the load balancer controller brings; whatever is in it is kept."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "targetgroupbindings.elbv2.k8s.aws"},
        "spec": {
            "group": "elbv2.k8s.aws",
            "scope": "Namespaced",
            "names": {"plural": "targetgroupbindings", "kind": "TargetGroupBinding"},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
        },
    }


def balancer(space: Space, service: str) -> dict[str, Any]:
    """A load balancer, and a binding of its target group to the Service."""
    ec2, elb = (space.eks.sandbox.client(one) for one in ("ec2", "elbv2"))
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{n}.0/24", AvailabilityZone=f"{DEFAULT_REGION}{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    wanted = {"Name": "edge", "Subnets": [one["SubnetId"] for one in subnets], "Type": "application"}
    (made,) = elb.create_load_balancer(**wanted)["LoadBalancers"]
    group = {"Name": "edge", "Protocol": "HTTP", "Port": 8080, "VpcId": vpc, "TargetType": "ip"}
    arn = elb.create_target_group(**group)["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward)
    client = space.eks.client
    client.apply(f"{TYPES}/{binding_type()['metadata']['name']}", binding_type(), "tests", force=True)
    bound = {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": service},
        "spec": {"serviceRef": {"name": service, "port": 8080}, "targetGroupARN": arn},
    }
    wait(lambda: created(client, BINDINGS.format(space.name), bound), WITHIN_S, "the type")
    return dict(made)


def created(client: Client, path: str, manifest: Manifest) -> bool:
    """Whether the server has the type by now."""
    try:
        client.request("POST", path, body=manifest)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def test_a_clients_name_leads_to_the_gateway_behind_its_load_balancer_while_that_answers(space: Space) -> None:
    sandbox = space.eks.sandbox
    route53, edge = sandbox.client("route53"), balancer(space, "front")
    zone = route53.create_hosted_zone(Name=DOMAIN, CallerReference="pods")["HostedZone"]["Id"].rpartition("/")[2]
    alias = {"DNSName": edge["DNSName"], "HostedZoneId": edge["CanonicalHostedZoneId"], "EvaluateTargetHealth": False}
    config = {"Type": "HTTP", "FullyQualifiedDomainName": f"home.{DOMAIN}", "Port": 80, "ResourcePath": "/"}
    quick = {"RequestInterval": 10, "FailureThreshold": 1}
    check = route53.create_health_check(CallerReference="pods", HealthCheckConfig={**config, **quick})["HealthCheck"]
    spare = [{"Value": "192.0.2.1"}]
    records = [
        {"Name": f"home.{DOMAIN}", "AliasTarget": alias},
        {
            "Name": DOMAIN,
            "AliasTarget": alias,
            "SetIdentifier": "home",
            "Failover": "PRIMARY",
            "HealthCheckId": check["Id"],
        },
        {"Name": DOMAIN, "TTL": 60, "ResourceRecords": spare, "SetIdentifier": "spare", "Failover": "SECONDARY"},
    ]
    changes = [{"Action": "CREATE", "ResourceRecordSet": {"Type": "A", **record}} for record in records]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def known() -> dict[str, str]:
        return dict(json.loads((sandbox.home / "dataplane" / "hosts.json").read_text()))

    def status() -> str:
        (seen,) = route53.get_health_check_status(HealthCheckId=check["Id"])["HealthCheckObservations"]
        return str(seen["StatusReport"]["Status"])

    def answer() -> list[str]:
        found = route53.test_dns_answer(HostedZoneId=zone, RecordName=DOMAIN, RecordType="A")
        return list(found["RecordData"])

    front = f"{space.eks.name}/front.{space.name}.svc.cluster.local"
    wait(lambda: known().get(DOMAIN) == known().get(front), WITHIN_S, "the name leads to front")
    assert known()[edge["DNSName"].lower()] == known()[front]
    assert sandbox.command("resolve", DOMAIN).stdout.strip() == known()[front]
    wait(lambda: status() == "Success: HTTP Status Code 200", WITHIN_S, "the check succeeds")
    sandbox.command("fault", f"region-dead:{DEFAULT_REGION}", "on")
    try:
        wait(lambda: answer() == ["192.0.2.1"], WITHIN_S, "the check fails")
        assert status().startswith("Failure")
        wait(lambda: DOMAIN not in known(), WITHIN_S, "the name leads elsewhere")
        assert DOMAIN in sandbox.command("resolve", DOMAIN, check=False).stderr
    finally:
        sandbox.command("fault", f"region-dead:{DEFAULT_REGION}", "off")
    wait(lambda: answer() != ["192.0.2.1"], WITHIN_S, "it is back")


def test_an_unknown_fault_is_refused(space: Space) -> None:
    refused = space.eks.sandbox.command("fault", "scorer-happy", "on", check=False)
    assert refused.returncode == 1
    assert "scorer-slow" in refused.stderr


def test_the_log_of_a_pod_is_found_by_the_name_of_its_deployment(space: Space) -> None:
    [pod] = space.pods("back")
    assert pod["metadata"]["name"] in space.eks.sandbox.command("logs").stdout
    assert "starting main dispatch loop" in space.eks.sandbox.command("logs", "pods_back").stdout


def test_a_reset_ends_the_pods(tmp_path: Path) -> None:
    with a_pod_of_its_own(tmp_path) as (sandbox, pid):
        sandbox.command("reset")
        assert processes.identify(pid) is None
        assert json.loads(sandbox.command("ps", "-o", "json").stdout) == []


def test_a_stopped_sandbox_leaves_no_process(tmp_path: Path) -> None:
    with a_pod_of_its_own(tmp_path) as (sandbox, pid):
        sandbox.command("stop")
        run = Home(path=tmp_path).run()
        assert run is not None
        assert processes.members(run.start_id) == []
        assert processes.identify(pid) is None


@contextmanager
def a_pod_of_its_own(home: Path) -> Iterator[tuple[Sandbox, int]]:
    """A sandbox with one pod, and the pod's process."""
    sandbox = Sandbox.start(home)
    try:
        eks = make_cluster(sandbox)
        make_namespace(eks.client, "pods", **RESTRICTED)
        space = Space(eks, "pods")
        space.apply(config_map("back", "back", "x.y.svc.cluster.local"), deployment("back"))
        wait(lambda: space.available("back"), WITHIN_S, "a pod")
        yield sandbox, space.processes("back")[0]["pid"]
    finally:
        sandbox.command("stop")
