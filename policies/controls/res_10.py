"""RES-10: peering and PrivateLink stay in the jurisdiction. Live: what a transit gateway's peers route on to."""

from policies.control import GDPR, Control, Severity, StackClause, Strength, Verdict
from policies.destinations import all_inside
from policies.resources import Resource, Stack


def peer_stays_inside(peering: Resource, stack: Stack) -> Verdict:
    # A peering that names no region is inside its own.
    return all_inside([peering.given("peerRegion") or peering.region], peering, stack, "the peer")


def service_stays_inside(endpoint: Resource, stack: Stack) -> Verdict:
    return all_inside([endpoint.given("serviceRegion") or endpoint.region], endpoint, stack, "the service")


RES_10 = Control(
    id="RES-10",
    title="Peering and PrivateLink stay in the jurisdiction",
    severity=Severity.HIGH,
    clauses=(
        StackClause(
            resource_types=frozenset(
                {
                    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
                    "aws:ec2transitgateway/peeringAttachment:PeeringAttachment",
                }
            ),
            check=peer_stays_inside,
        ),
        StackClause(resource_types=frozenset({"aws:ec2/vpcEndpoint:VpcEndpoint"}), check=service_stays_inside),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A private link is a way for personal data to a third country that no firewall sees.",
    remediation="Peer with, and connect to services in, regions of the jurisdiction.",
)
