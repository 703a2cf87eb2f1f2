"""Image repositories under a key of their own: tags that never move, scanned on push."""

import pulumi

from components.keys import Keys, KeysArgs
from components.registry import Registry, RegistryArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("registry", KeysArgs(region=region, account_id=account_id, protected=False))
registry = Registry(
    "registry",
    RegistryArgs(
        region=region,
        account_id=account_id,
        images=["gateway", "ledger"],
        key_arn=keys.arns[KeyUse.IMAGES],
        protected=False,
    ),
)

pulumi.export("urls", registry.urls)
