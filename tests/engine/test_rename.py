"""A component under another logical name, with an alias on the component: its state moves, what holds data stays."""

import pulumi
import pytest
from inline_stack import InlineStack, stack
from pulumi_aws import route53

from components.certificate import Certificate, CertificateArgs
from components.keys import Keys, KeysArgs
from components.vocabulary import KeyUse
from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, Sandbox

pytestmark = pytest.mark.engine

KEY, KEY_NAME = "aws:kms/key:Key", "aws:kms/alias:Alias"


def renamed(before: str) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(name=before)])


def certificate(name: str, opts: pulumi.ResourceOptions | None = None) -> None:
    zone = route53.Zone("zone", name="rename.example.com", force_destroy=True)
    args = CertificateArgs(region=DEFAULT_REGION, domain_name="rename.example.com", zone_id=zone.zone_id)
    Certificate(name, args, opts)


def keys(name: str, opts: pulumi.ResourceOptions | None = None) -> None:
    args = KeysArgs(
        region=DEFAULT_REGION, account_id=PRODUCTION_ACCOUNT, uses=frozenset({KeyUse.ARCHIVE}), protected=False
    )
    Keys(name, args, opts)


def ids(made: InlineStack, type_: str) -> set[str]:
    return {resource["id"] for resource in made.state() if resource["type"] == type_}


def test_a_component_renamed_with_an_alias_keeps_its_children(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: certificate("before")) as made:
        made.up()
        made.use(lambda: certificate("after"))
        assert made.preview()["delete"] >= 3, "without the alias all is made anew"
        made.use(lambda: certificate("after", renamed("before")))
        assert set(made.preview()) == {"same"}, made.preview_text()


def test_keys_renamed_with_an_alias_stay_and_get_another_name(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: keys("before")) as made:
        made.up()
        before = ids(made, KEY)
        made.use(lambda: keys("after", renamed("before")))
        assert made.preview()["replace"] == 1, "the KMS alias, whose name in AWS is the component's"
        made.up()
        assert ids(made, KEY) == before
        assert ids(made, KEY_NAME) == {"alias/after/archive"}
