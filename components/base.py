"""What every component shares."""

import pulumi


def type_token(component: type[pulumi.ComponentResource]) -> str:
    """Pulumi type token of a component class: ``payment-cell:components:ShardedDatabase``."""
    return f"payment-cell:components:{component.__name__}"
