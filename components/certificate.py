"""A public certificate proved by DNS, in the zone that the edge's names live in."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, route53

from components.base import type_token
from components.vocabulary import DataClass, tags

VALIDATION_TTL_S = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateArgs:
    """What one certificate needs to know."""

    region: str
    """Where it is used: a load balancer takes certificates of its own region only."""
    domain_name: str
    zone_id: pulumi.Input[str]
    """A zone the world can see: where nobody delegates to it, validation waits until it gives up after 75 minutes."""


class Certificate(pulumi.ComponentResource):
    """Certificate, proof and the wait for both. Creation: minutes, on AWS's side."""

    arn: pulumi.Output[str]
    """Of the certificate once issued: a listener refuses one that is pending."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        certificate = acm.Certificate(
            name,
            region=args.region,
            domain_name=args.domain_name,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=tags(DataClass.PUBLIC),
            opts=child,
        )
        # One name, so one option.
        proof = certificate.domain_validation_options[0]
        record = route53.Record(
            f"{name}-proof",
            zone_id=args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=VALIDATION_TTL_S,
            # The same name proves the same way in each certificate: a second one for it must not fail.
            allow_overwrite=True,
            opts=child,
        )
        validation = acm.CertificateValidation(
            name,
            region=args.region,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=child,
        )
        self.arn = validation.certificate_arn
        self.register_outputs({"arn": self.arn})
