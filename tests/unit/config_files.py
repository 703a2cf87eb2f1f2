"""Stack files for configuration tests: a small valid fleet in a folder, changed by each test."""

from pathlib import Path

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
