"""The parts of docs/fraud-decision.md that the code says: signals, what each is worth, where each comes from.

python tests/unit/fraud_page.py            draws picture and table anew (the losses of AUC stay as they were measured)
"""

import re
from pathlib import Path

from contracts.fraud import PROFILE_TTL_S, SIGNALS, WINDOW_TTL_S, Signal

PAGE = Path(__file__).parents[2] / "docs" / "fraud-decision.md"
LIVES = {0: "not kept", WINDOW_TTL_S: "25 h", PROFILE_TTL_S: "180 days"}


def between(text: str, name: str) -> str:
    """What stands between a part's markers."""
    return text.partition(f"<!-- {name}:begin -->\n")[2].partition(f"<!-- {name}:end -->")[0]


def losses(text: str) -> dict[str, str]:
    """Signal -> loss of AUC, as the page says it."""
    return dict(re.findall(r"^\| `(\w+)` \|.*\| (-?\d\.\d{4}) \|$", between(text, "signals"), re.MULTILINE))


def _row(signal: Signal, lost: str) -> str:
    cells = (f"`{signal.name}`", signal.definition, signal.source, LIVES[signal.ttl_s], f"{signal.missing:g}", lost)
    return f"| {' | '.join(cells)} |"


def table(lost: dict[str, str]) -> str:
    """The table of signals."""
    head = "| signal | definition | from | state lives | missing | AUC lost |\n|---|---|---|---|---|---|\n"
    return head + "".join(_row(signal, lost.get(signal.name, "?")) + "\n" for signal in SIGNALS)


def picture() -> str:
    """Fields of the request, and the signals that are computed from them."""
    fields = sorted({field.strip() for signal in SIGNALS for field in signal.source.split(",")})
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  f{number}(["{field}"])' for number, field in enumerate(fields)]
    for number, signal in enumerate(SIGNALS):
        lines.append(f'  s{number}["{signal.name}<br/>{LIVES[signal.ttl_s]}"]')
        lines += [f"  f{fields.index(field.strip())} --> s{number}" for field in signal.source.split(",")]
        lines.append(f"  s{number} --> model")
    lines += ['  model[["rules and model"]] --> score{{"score 0..99"}}', "```"]
    return "\n".join(lines) + "\n"


def drawn(text: str) -> str:
    """The page with picture and table as the code has them."""
    for name, part in (("picture", picture()), ("signals", table(losses(text)))):
        text = text.replace(between(text, name), part) if between(text, name) else text
    return text


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
