"""Market files for tests: one that is valid, to be changed line by line."""

from pathlib import Path

from stacks.market_files import MarketFile, load_market_file

MARKET = """\
index: 0
currency: EUR
cells: [eu-west-1, dev]
source: {document: "Made up for a test", date: 2026-11-28}
deadlineMs: 6000
rails: [sct-inst]
limits:
  connections: 10
  pending: 10
  requests: 20
  retries: 1
  retryBudgetPercent: 20
  ratePerSecond: 50
  timeoutMs: 1000
  tryTimeoutMs: 900
  connectTimeoutMs: 300
  idleTimeoutMs: 10000
ejection:
  consecutiveErrors: 5
  intervalMs: 200
  baseMs: 500
  maximumMs: 2000
  minimumSuccessPercent: 80
banks:
"""

BANK = """\
  {id}:
    rail: sct-inst
    source: {{document: "Made up for a test", date: 2026-11-28}}
    endpoints:
      - {{host: {id}.example.com}}
    registrations:
      eu-west-1: {{registeredAt: 2026-11-16}}
"""


def market_text(*banks: str, index: int = 0) -> str:
    """A whole file with these banks."""
    return MARKET.replace("index: 0", f"index: {index}") + "".join(BANK.format(id=bank) for bank in banks)


def market_file(folder: Path, name: str, text: str) -> MarketFile:
    """The file, written and read. Raises ConfigError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return load_market_file(path)
