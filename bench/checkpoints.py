"""What saving the state after every step costs: with the engine's file backend its time grows with the square."""

from pathlib import Path

from bench.machine import Machine
from bench.ratio import Ratio

RESOURCES = 400

PROGRAM = f"""
import pulumi, pulumi_aws as aws
provider = aws.Provider("aws", region="eu-west-1")
for number in range({RESOURCES}):
    aws.ssm.Parameter(
        f"p{{number:03}}", type="String", value=str(number), opts=pulumi.ResourceOptions(provider=provider)
    )
"""
"""Parameters: the cheapest resource to create, so that saving is the largest share it can be."""

PROJECT = """
name: bench-checkpoints
runtime: {name: python, options: {toolchain: pip}}
"""


def checkpoint_ratio(machine: Machine) -> list[Ratio]:
    folder = machine.home / "checkpoints"
    folder.mkdir()
    Path(folder, "__main__.py").write_text(PROGRAM)
    Path(folder, "Pulumi.yaml").write_text(PROJECT)

    def up(stack: str, extra: dict[str, str]) -> float:
        machine.pulumi("stack", "init", stack, cwd=folder)
        seconds = machine.pulumi("up", "--yes", "--skip-preview", "--stack", stack, cwd=folder, extra=extra).seconds
        machine.pulumi("destroy", "--yes", "--skip-preview", "--stack", stack, cwd=folder, extra=SKIP)
        return seconds

    without = up("without", SKIP)
    return [
        Ratio(
            what=f"up that saves after each step / saves once, {RESOURCES} resources",
            this=up("safe", {}),
            that=without,
            unit="s",
            goal=1.3,
        )
    ]


SKIP = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""The engine then saves once, at the end: a killed run loses what it made."""
