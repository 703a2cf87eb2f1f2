"""Mutations of networks, identities and what runs in a cluster."""

from mutations import CELL, Mutation, setting

EKS = "aws:eks/cluster:Cluster"

MUTATIONS = (
    Mutation(
        sees="NET-03 endpoint_is_private_or_listed",
        stack=CELL,
        type=EKS,
        change=setting("vpcConfig.endpointPublicAccess", True),
    ),
    Mutation(
        sees="LOG-04 cluster_sends_all_logs", stack=CELL, type=EKS, change=setting("enabledClusterLogTypes", ["api"])
    ),
)
