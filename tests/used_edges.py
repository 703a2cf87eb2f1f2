"""Which edges of NetworkPolicy objects were used, by the connections that the node's proxy counted."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from sandbox.dataplane.policy import End, OutsideEnd, PodEnd, Policy, allowed


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One that was made."""

    client: PodEnd
    server: End
    port: int


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One peer or one port in one rule of a policy."""

    policy: str
    """`<namespace>/<name>`."""
    direction: str
    rule: int
    part: str
    """to, from or ports."""
    place: int
    text: str

    def __str__(self) -> str:
        return f"{self.policy} {self.direction} {self.rule} {self.part}: {self.text}"


def connections(rows: Sequence[Mapping[str, Any]], cluster: str) -> list[Connection]:
    """From what the data plane answers to `connections`."""
    return [
        Connection(client=_pod(row["client"]), server=_end(end), port=end["port"])
        for row in rows
        if row["cluster"] == cluster
        for end in row["ends"]
    ]


def _end(row: Mapping[str, Any]) -> End:
    if "networks" in row:
        return OutsideEnd(networks=tuple(map(IPv4Network, row["networks"])))
    return _pod(row)


def _pod(row: Mapping[str, Any]) -> PodEnd:
    return PodEnd(**{name: row[name] for name in ("namespace", "labels", "namespace_labels", "named_ports")})


def edges(policies: Sequence[Policy]) -> Iterator[Edge]:
    """All that the policies open."""
    for policy in policies:
        for direction, key in (("egress", "to"), ("ingress", "from")):
            for number, rule in enumerate(policy["spec"].get(direction) or ()):
                for part in (key, "ports"):
                    for place, what in enumerate(rule.get(part) or ()):
                        yield Edge(
                            policy=name_of(policy),
                            direction=direction,
                            rule=number,
                            part=part,
                            place=place,
                            text=str(what),
                        )


def needless(policies: Sequence[Policy], made: Sequence[Connection]) -> list[Edge]:
    """Edges without which every connection would have been let through all the same."""
    return [
        edge
        for edge in edges(policies)
        if all(allowed(one.client, one.server, one.port, list(without(policies, edge))) for one in made)
    ]


def without(policies: Sequence[Policy], edge: Edge) -> Iterator[Policy]:
    """The policies with one peer or port less; a rule that has none left is gone, since an empty list means all."""
    for policy in policies:
        if name_of(policy) != edge.policy:
            yield policy
            continue
        less: Any = copy.deepcopy(dict(policy))
        rules = less["spec"][edge.direction]
        del rules[edge.rule][edge.part][edge.place]
        if not rules[edge.rule][edge.part]:
            del rules[edge.rule]
        yield less


def name_of(policy: Policy) -> str:
    return f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"
