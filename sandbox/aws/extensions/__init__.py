"""What a payment cell needs of AWS and moto lacks, as changes to moto's own models and responses.

`install` runs once, in the emulator's process, before the first request. docs/emulator.md lists what each one adds.
"""

from sandbox.aws.extensions import acm, cloudwatch, eks, pipes
from sandbox.aws.kubernetes import Kubernetes


def install(kubernetes: Kubernetes) -> None:
    """Put all extensions in place."""
    acm.install()
    cloudwatch.install()
    eks.install(kubernetes)
    pipes.install()
