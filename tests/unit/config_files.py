"""Stack files for configuration tests: a small valid fleet in a folder, changed by each test."""

from pathlib import Path

from components.vocabulary import Strategy
from stacks.new_stack import render_pair, render_replica

ACCOUNT = """config:
  payment-cell:account:
    accountId: "123456789012"
    homeRegion: eu-west-1
    contactEmail: oncall@example.com
"""

CELL = """config:
  payment-cell:cell:
    region: eu-west-1
    environment: production
    account: account
    peakPaymentsPerSecond: 100
    domain: one.example.com
    backups: {noCopyReason: no other account in these tests}
"""

WORKLOADS = f"""config:
  payment-cell:workloads:
    cell: one
    images:
      autoscaler: sha256:{"0" * 64}
      load-balancer: sha256:{"0" * 64}
"""


def write(folder: Path, stack: str, text: str) -> Path:
    """A stack file."""
    path = folder / f"Pulumi.{stack}.yaml"
    path.write_text(text)
    return path


def cell(**lines: str) -> str:
    """The cell above with settings replaced, added or (``None``-like empty text) removed; values are YAML."""
    text = CELL
    for key, value in lines.items():
        kept = [line for line in text.splitlines() if not line.startswith(f"    {key}:")]
        text = "\n".join([*kept, *([f"    {key}: {value}"] if value else [])]) + "\n"
    return text


def fleet(folder: Path) -> Path:
    """A folder with an account, a cell and its workloads."""
    write(folder, "account", ACCOUNT)
    write(folder, "one", CELL)
    write(folder, "one-workloads", WORKLOADS)
    return folder


def paired_fleet(folder: Path) -> Path:
    """The same with a replica, and the pair of both."""
    fleet(folder)
    copies = "no other account in these tests"
    replica = render_replica(
        "one", "one-replica", "eu-central-1", Strategy.WARM_STANDBY, domain="r.example.com", no_copy_reason=copies
    )
    write(folder, "one-replica", replica)
    write(folder, "one-pair", render_pair("one", "one-replica", "pay.example.com"))
    return folder
