"""How tests find grants and edges that nothing needed."""

from ipaddress import IPv4Network
from typing import Any

import used_actions
import used_edges
from used_actions import Use
from used_edges import Connection

from sandbox.dataplane.policy import OutsideEnd, PodEnd

STREAM, BUCKET = "arn:aws:kinesis:eu-west-1:1:stream/s", "arn:aws:s3:::b"


def test_a_grant_that_no_call_used_and_one_that_another_repeats_are_needless() -> None:
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": ["kinesis:PutRecords", "kinesis:PutRecord"], "Resource": STREAM},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": [f"{BUCKET}/*", f"{BUCKET}/events/*"]},
        ]
    }
    uses = [
        Use(action="kinesis:PutRecords", resource=STREAM, allowed=True),
        Use(action="kinesis:PutRecord", resource=STREAM, allowed=False),
        Use(action="s3:PutObject", resource=f"{BUCKET}/events/1", allowed=True),
    ]
    assert list(map(str, used_actions.needless(document, uses))) == [
        f"kinesis:PutRecord on {STREAM}",
        f"s3:PutObject on {BUCKET}/*",
        f"s3:PutObject on {BUCKET}/events/*",
    ]


def test_an_edge_that_no_connection_took_is_needless() -> None:
    def peer(name: str) -> dict[str, Any]:
        return {"podSelector": {"matchLabels": {"app": name}}}

    def block(cidr: str) -> dict[str, Any]:
        return {"ipBlock": {"cidr": cidr}}

    policy = {
        "metadata": {"namespace": "a", "name": "client"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [peer("server"), peer("other")], "ports": [{"port": 80}, {"port": 81}]},
                {"to": [block("10.0.0.0/8")], "ports": [{"port": 5432}]},
            ],
        },
    }
    client, server = (PodEnd(namespace="a", labels={"app": name}) for name in ("client", "server"))
    database = OutsideEnd(networks=(IPv4Network("10.1.0.0/16"),))
    made = [Connection(client=client, server=server, port=80), Connection(client=client, server=database, port=5432)]
    found = used_edges.needless([policy], made)
    assert [(edge.rule, edge.part, edge.place) for edge in found] == [(0, "to", 1), (0, "ports", 1)]
