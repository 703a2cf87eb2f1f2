"""The three functions that programs may call: who am I, where am I, which partition."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.aws.provider.clients import ClientPool
from sandbox.aws.provider.config import ProviderConfig, regions
from sandbox.aws.provider.shapes import session

Invoke = Callable[[ProviderConfig, ClientPool, Mapping[str, Any]], dict[str, Any]]


def caller_identity(config: ProviderConfig, clients: ClientPool, _args: Mapping[str, Any]) -> dict[str, Any]:
    """``aws.get_caller_identity``."""
    found = clients.client("sts", config.region).get_caller_identity()
    return {"accountId": found["Account"], "arn": found["Arn"], "id": found["Account"], "userId": found["UserId"]}


def region(config: ProviderConfig, _clients: ClientPool, args: Mapping[str, Any]) -> dict[str, Any]:
    """``aws.get_region``."""
    name = args.get("region") or args.get("name") or config.region
    suffix = _partition(name)["dnsSuffix"]
    return {
        "description": regions().get(name, name),
        "endpoint": f"ec2.{name}.{suffix}",
        "id": name,
        "name": name,
        "region": name,
    }


def partition(config: ProviderConfig, _clients: ClientPool, args: Mapping[str, Any]) -> dict[str, Any]:
    """``aws.get_partition``."""
    return _partition(args.get("region") or config.region)


def _partition(name: str) -> dict[str, Any]:
    data = session().get_component("data_loader").load_data("endpoints")
    found = session().get_partition_for_region(name)
    suffix = next(part["dnsSuffix"] for part in data["partitions"] if part["partition"] == found)
    return {
        "dnsSuffix": suffix,
        "id": found,
        "partition": found,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


INVOKES: Mapping[str, Invoke] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getRegion:getRegion": region,
}
"""Functions served; no other look-up is, since a plan must not depend on what an account holds."""
