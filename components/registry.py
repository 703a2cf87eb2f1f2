"""The image registry of one cell: a private ECR repository for each program that runs in it.

Each cell has its own, like everything else of it: a region that is gone takes no other cell's images along. What is
pushed is copied to every cell; its digest is the same everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from components.base import type_token
from components.iam import allow, deny, policy
from components.vocabulary import DataClass, tags

PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
PUSH = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")

UNTAGGED_DAYS = 14
"""Days that an image without a tag stays: it was never released."""

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryArgs:
    """Which programs have images here, and for how long."""

    region: str
    account_id: str
    images: Sequence[str]
    """Names of programs; the repository is `<cell>/<name>`."""
    cell: str | None = None
    """None: the component's name. A replica's is its primary's, whose images come here under their names."""
    key_arn: pulumi.Input[str]
    kept_releases: int = 50
    """Tagged images that stay; older ones go. Kept well above what a cell could be rolled back to."""
    protected: bool = True
    """Repositories with images in them cannot be deleted."""

    def __post_init__(self) -> None:
        for name in self.images:
            if not _NAME.fullmatch(name):
                raise ValueError(f"registry.images: {name!r} is no repository name; use a-z, 0-9 and single . _ or -")
        if len(set(self.images)) < len(self.images):
            raise ValueError(f"registry.images: a name repeats in {', '.join(self.images)}")
        if not 2 <= self.kept_releases <= 1000:
            raise ValueError(f"registry.kept_releases: {self.kept_releases} is outside 2..1000: a rollback needs one")


def image_of(account_id: str, region: str, cell: str, program: str, digest: str) -> str:
    """A program's image in its cell's registry, by digest `sha256:<hex>`."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/{cell}/{program}@{digest}"


class Registry(pulumi.ComponentResource):
    """Repositories with immutable tags, scanned on push, encrypted with an own key.

    Creation: seconds. Cost: GB-months.
    """

    urls: Mapping[str, pulumi.Output[str]]
    """Image -> `<account>.dkr.ecr.<region>.amazonaws.com/<cell>/<image>`, to which a digest is appended."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self.urls = {image: self._repository(image).repository_url for image in args.images}
        self.register_outputs({"urls": self.urls})

    def _repository(self, image: str) -> ecr.Repository:
        args, name = self._args, f"{self._prefix}-{image}"
        repository = ecr.Repository(
            name,
            region=args.region,
            name=f"{args.cell or self._prefix}/{image}",
            # A tag names one image for ever. What runs names digests all the same.
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=not args.protected,
            tags=tags(DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        child = pulumi.ResourceOptions(parent=self)
        ecr.LifecyclePolicy(
            name,
            region=args.region,
            repository=repository.name,
            policy=json.dumps(lifecycle(args.kept_releases), sort_keys=True),
            opts=child,
        )
        ecr.RepositoryPolicy(
            name, region=args.region, repository=repository.name, policy=_within(args.account_id), opts=child
        )
        return repository


def lifecycle(kept_releases: int) -> dict[str, list[dict[str, object]]]:
    """Rules in ECR's order: the lower number first, and an image is expired by one rule only
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html)."""
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days"}
    released = {"tagStatus": "any", "countType": "imageCountMoreThan"}
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Never released",
                "selection": {**untagged, "countNumber": UNTAGGED_DAYS},
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "description": "Releases beyond rollback",
                "selection": {**released, "countNumber": kept_releases},
                "action": {"type": "expire"},
            },
        ]
    }


def _within(account_id: str) -> pulumi.Output[str]:
    """Nobody of another account, whatever is allowed later or elsewhere. Who of this account, its IAM says. No
    `Resource`: ECR refuses one here."""
    mine = {"StringEquals": {"aws:PrincipalAccount": account_id}}
    others = {"StringNotEquals": {"aws:PrincipalAccount": account_id}, "Bool": {"aws:PrincipalIsAWSService": "false"}}
    documents = policy(
        allow("AccountOnly", [*PULL, *PUSH], principal={"AWS": f"arn:aws:iam::{account_id}:root"}, when=mine),
        deny("NobodyElse", ["ecr:*"], principal="*", when=others),
    )
    return documents.apply(_without_resources)


def _without_resources(text: str) -> str:
    document = json.loads(text)
    for statement in document["Statement"]:
        del statement["Resource"]
    return json.dumps(document, sort_keys=True)
