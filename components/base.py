"""What every component shares: its type token and the options of its children."""

import re

import pulumi


def type_token(component: type[pulumi.ComponentResource]) -> str:
    """Pulumi type token of a component class: ``payment-cell:components:ShardedDatabase``."""
    return f"payment-cell:components:{component.__name__}"


def kebab(word: str) -> str:
    """``ShardedDatabase`` -> ``sharded-database``; used where a physical name must be predictable."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", word).lower()
