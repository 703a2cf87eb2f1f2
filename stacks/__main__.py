"""The Pulumi program. A stack's kind is the one key below `payment-cell:` in its config; each kind has a module."""

from __future__ import annotations

import gc
from datetime import UTC, date, datetime
from pathlib import Path

import pulumi

from stacks.kinds import KINDS
from stacks.models import AccountSettings, CellSettings, WorkloadsSettings
from stacks.pair_models import PairSettings, ReplicaSettings
from stacks.problems import ConfigError
from stacks.settings import NAMESPACE, Settings, StackFile, load_stack_file, parse_settings
from stacks.source import Source, read_source


def settings_of(stack: str) -> Settings:
    """The running stack's settings, from the config that the engine passed on. Raises ConfigError."""
    config = pulumi.Config(NAMESPACE)
    # Pulumi.yaml declares each kind with an empty default.
    found = {kind: data for kind in KINDS if (data := config.get_object(kind))}
    path = Path(__file__).parent / f"Pulumi.{stack}.yaml"
    try:
        if len(found) != 1:
            raise ValueError(f"stack {stack}: {len(found)} of {', '.join(KINDS)} in its config; give exactly one")
        ((kind, data),) = found.items()
        return parse_settings(kind, data, file=str(path))
    except (ConfigError, ValueError):
        if path.exists():
            load_stack_file(path)  # says the same with line numbers
        raise


def warn_of_ends_of_support(stack: str, settings: CellSettings, today: date) -> None:
    """Says in the engine's output what of the cell nears its end of support. Raises ConfigError where it is reached."""
    from stacks.sizing import derive
    from stacks.support import support_problems

    path = Path(__file__).parent / f"Pulumi.{stack}.yaml"
    # A config file from elsewhere (`--config-file`) has no lines here.
    source = read_source(path)[0] if path.exists() else Source(path=path, data={}, lines={})
    file = StackFile(name=stack, kind="cell", settings=settings, source=source)
    for problem in support_problems(file, derive(stack, settings), today):
        pulumi.log.warn(str(problem))


def main() -> None:
    """Declares the stack's resources. What is wrong with the configuration is one message, without a traceback."""
    # A program lives for seconds and lets go of next to nothing; collecting took 40 % of its processor time.
    gc.disable()
    stack = pulumi.get_stack()
    try:
        match settings_of(stack):
            case AccountSettings() as settings:
                from stacks import account

                outputs = account.run(stack, settings)
            case CellSettings() as settings:
                from stacks import cell

                warn_of_ends_of_support(stack, settings, datetime.now(UTC).date())
                outputs = cell.run(stack, settings)
            case ReplicaSettings() as settings:
                from stacks import cell

                outputs = cell.run(stack, settings)
            case PairSettings():
                from stacks import pair

                outputs = pair.run(stack)
            case WorkloadsSettings() as settings:
                from stacks import workloads

                outputs = workloads.run(stack, settings)
    except (ConfigError, ValueError) as error:
        raise pulumi.RunError(str(error)) from error
    for name, value in outputs.items():
        pulumi.export(name, value)


if __name__ == "__main__":
    main()
