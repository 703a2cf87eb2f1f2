"""How long a cell's program needs before it declares anything: the SDK is most of it."""

from bench.machine import Machine
from bench.ratio import Ratio

NEEDED = "import gc; gc.disable(); import stacks.__main__, stacks.cell"

EAGER = """
import gc, importlib, pkgutil; gc.disable()
import pulumi_aws
for module in pkgutil.iter_modules(pulumi_aws.__path__):
    if module.ispkg:
        service = importlib.import_module(f"pulumi_aws.{module.name}")
        getattr(service, "_enums", None)  # lazy until an attribute is asked for
import stacks.__main__, stacks.cell
"""
"""Every service of pulumi_aws, as `import *` or a reading of each attribute would do."""


def start_ratio(machine: Machine) -> list[Ratio]:
    """`from pulumi_aws import SERVICE` is lazy by the SDK's own means: only what a component names is read."""
    machine.python(EAGER)  # compiles the SDK's byte code, so that neither side pays for it
    needed, eager = machine.python(NEEDED), machine.python(EAGER)
    return [
        Ratio(
            what="start with the services it needs / with all of pulumi_aws",
            this=needed.seconds,
            that=eager.seconds,
            unit="s",
            goal=0.25,
        )
    ]
