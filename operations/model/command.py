"""``cell model``: train, evaluate, promote, rollback, status, and a dry run of rules.

cell model train dev                      made-up history, or --decisions and --outcomes of the cell's own
cell model promote dev                    shadow -> canary -> full, one step a call
cell model rollback dev --if-alarm NAME   back, where an alarm says so
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.fraud import FraudError, parse_decision
from contracts.fraud_rules import Rules, dry_run, load_rules
from operations.engine import Engine
from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from stacks.fleet import load_fleet

if TYPE_CHECKING:
    from operations.model.dataset import Rows
    from operations.model.evaluation import Report
    from operations.model.store import ModelStore

app = typer.Typer(
    help="The model of the fraud decision: train, judge, stage, take back.", no_args_is_help=True, rich_markup_mode=None
)
console = talk()

RULES = Path(__file__).parents[2] / "stacks" / "fraud_rules.yaml"
OUTPUT = "modelBucket"
"""Output of a cell's stack: the bucket of its model store."""

Stack = Annotated[str, typer.Argument(help="A cell: eu-west-1, dev, ...", show_default=False)]
Maybe = Annotated[str | None, typer.Argument(help="A cell whose store gets the model.", show_default=False)]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]
Days = Annotated[int, typer.Option(min=14, max=120, help="Of made-up history.")]
Seed = Annotated[int, typer.Option(help="Of made-up history.")]
Decisions = Annotated[Path | None, typer.Option(exists=True, help="Own history: decision records, one a line.")]
Outcomes = Annotated[Path | None, typer.Option(exists=True, help='Its outcomes: {"decision", "fraud"} a line.')]
RulesFile = Annotated[Path, typer.Option("--rules", exists=True, help="Rules that the model has to beat.")]


@app.command()
def train(
    stack: Maybe = None,
    file: Annotated[Path | None, typer.Option("--file", help="Write the model here as well.")] = None,
    days: Days = 30,
    seed: Seed = 1,
    decisions: Decisions = None,
    outcomes: Outcomes = None,
    rules: RulesFile = RULES,
    output: Output = Format.TABLE,
) -> None:
    """Train a candidate, judge it on held-out days, and stage it as shadow if it passes the gate."""
    _extras()
    from operations.model.evaluation import HELD_OUT_DAYS
    from operations.model.rollout import stage
    from operations.model.training import train as fit

    if stack is None and file is None:
        raise CellError("say a cell, --file or both: a candidate has to go somewhere", ExitCode.CONFIGURATION)
    rows, store = _rows(days, seed, decisions, outcomes), _store(stack) if stack else None
    earlier, held_out = rows.split(HELD_OUT_DAYS)
    with console.status("train"):
        content = fit(earlier).content
    report, problems = _judge(content, held_out, _load(rules), store)
    if file is not None:
        file.write_bytes(content)
    if store is not None:
        digest = store.put(content, {**report.data(), "problems": problems})
        if not problems:
            pointer, tag = store.pointer()
            store.move(stage(pointer, digest), tag)
    _answer(report, problems, output)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A file, or with --stack a digest.", show_default=False)],
    stack: Annotated[str | None, typer.Option(help="The cell whose store has the model.")] = None,
    days: Days = 30,
    seed: Seed = 1,
    decisions: Decisions = None,
    outcomes: Outcomes = None,
    rules: RulesFile = RULES,
    signals: Annotated[bool, typer.Option("--signals", help="AUC lost without each signal; trains 16 models.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Judge a model on held-out days: against the rules alone, and against what serves. Exit 1: the gate is closed."""
    _extras()
    from operations.model.evaluation import HELD_OUT_DAYS, ablation

    store = _store(stack) if stack else None
    content = store.model(model) if store else Path(model).read_bytes()
    earlier, held_out = _rows(days, seed, decisions, outcomes).split(HELD_OUT_DAYS)
    if signals:
        lost = ablation(earlier, held_out)
        show([{"signal": name, "auc_lost": value} for name, value in lost.items()], output)
        return
    report, problems = _judge(content, held_out, _load(rules), store)
    _answer(report, problems, output)


@app.command()
def promote(
    stack: Stack,
    percent: Annotated[int, typer.Option(min=1, max=99, help="Share of the accounts of a canary.")] = 10,
    output: Output = Format.TABLE,
) -> None:
    """One step: a shadow becomes canary, a canary serves all. A model that did not pass its gate takes none."""
    from operations.model.rollout import promote as step

    store = _store(stack)
    pointer, tag = store.pointer()
    candidate = pointer.canary or pointer.shadow
    report = store.report(candidate) if candidate else None
    if candidate and (report is None or report["problems"]):
        why = "; ".join(report["problems"]) if report else "nobody judged it"
        raise CellError(f"{candidate} stays where it is: {why}", ExitCode.POLICY_VIOLATION)
    moved = step(pointer, percent)
    store.move(moved, tag)
    show(_shown(store), output)


@app.command()
def rollback(
    stack: Stack,
    if_alarm: Annotated[
        list[str] | None, typer.Option("--if-alarm", help="Only if this CloudWatch alarm is in ALARM; may repeat.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Take back what is on its way; with nothing on its way the model before serves again."""
    from operations.model.rollout import rollback as back

    if if_alarm and not (raised := _raised(stack, if_alarm)):
        console.print(f"not one of {', '.join(if_alarm)} is in ALARM: nothing was changed", markup=False)
        return
    if if_alarm:
        console.print(f"in ALARM: {', '.join(raised)}", markup=False)
    store = _store(stack)
    pointer, tag = store.pointer()
    store.move(back(pointer), tag)
    show(_shown(store), output)


@app.command()
def status(
    stack: Stack,
    decisions: Decisions = None,
    days: Days = 30,
    seed: Seed = 1,
    output: Output = Format.TABLE,
) -> None:
    """What serves, watches and takes a share, and what the hourly monitor saw last; with --decisions how far those
    payments drifted from the training's."""
    found = _shown(_store(stack))
    if decisions is not None:
        _extras()
        found["drift"] = _drift(decisions, days, seed)
    show(found, output)


@app.command()
def export(
    stack: Stack,
    decisions: Annotated[Path, typer.Option(help="Write the decisions here, one a line.")],
    outcomes: Annotated[Path, typer.Option(help="Write what is known of them here, one a line.")],
) -> None:
    """What the cell's decision stream has: the files that train, evaluate, status and try-rules read."""
    from operations.model.job import records, written

    clients, region = _clients(stack)
    stream = _output(stack, "decisionStream")
    written(records(clients.get("kinesis", region), stream), decisions, outcomes)
    counted = (len(file.read_text(encoding="utf-8").splitlines()) for file in (decisions, outcomes))
    console.print("{} decisions, {} with a known outcome".format(*counted), markup=False)


@app.command("try-rules")
def try_rules(
    old: Annotated[Path, typer.Argument(exists=True, help="rules.yaml as it is.")],
    new: Annotated[Path, typer.Argument(exists=True, help="rules.yaml as it would be.")],
    decisions: Annotated[Path, typer.Option(exists=True, help="Past decision records, one a line.")],
    output: Output = Format.TABLE,
) -> None:
    """What a change of rules would have done to past decisions; nothing is changed."""
    before, after = _load(old), _load(new)
    records = [parse_decision(line) for line in decisions.read_text(encoding="utf-8").splitlines()]
    found = dry_run(before, after, records)
    console.print(f"{len(found.changed)} of {found.total} decisions would be others", markup=False)
    if output is Format.TABLE:
        show([{"change": change, "decisions": count} for change, count in found.by_change.items()], output)
        return
    changed = [{"id": c.id, "before": c.before, "after": c.after, "rules": list(c.rules)} for c in found.changed]
    show({"total": found.total, "byChange": dict(found.by_change), "changed": changed}, output)


def _extras() -> None:
    try:
        import skl2onnx  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise CellError(f"{error.name} is not installed: install payment-cell[model]", ExitCode.CONFIGURATION) from None


def _load(rules: Path) -> Rules:
    try:
        return load_rules(rules.read_text(encoding="utf-8"), str(rules))
    except FraudError as error:
        raise CellError(str(error), ExitCode.CONFIGURATION) from None


def _rows(days: int, seed: int, decisions: Path | None, outcomes: Path | None) -> Rows:
    from operations.model.dataset import from_records, replay
    from operations.model.generator import Volume, generate

    if (decisions is None) != (outcomes is None):
        raise CellError("--decisions and --outcomes go together", ExitCode.CONFIGURATION)
    if decisions is None or outcomes is None:
        with console.status("make history"):
            return replay(generate(Volume(days=days), seed))
    try:
        return from_records(decisions, outcomes)
    except FraudError as error:
        raise CellError(str(error), ExitCode.CONFIGURATION) from None


def _judge(content: bytes, held_out: Rows, rules: Rules, store: ModelStore | None) -> tuple[Report, list[str]]:
    from operations.model.evaluation import evaluate as judge
    from operations.model.evaluation import gate
    from operations.model.store import BASELINE

    serving = store.model(store.pointer()[0].serving) if store else BASELINE.read_bytes()
    report = judge(content, held_out, rules)
    before = None if serving == content else judge(serving, held_out, rules)
    return report, gate(report, before)


def _answer(report: Report, problems: list[str], output: Format) -> None:
    show({**report.data(), "gate": "closed" if problems else "open", "problems": problems}, output)
    if problems:
        raise CellError(f"the gate is closed: {'; '.join(problems)}", ExitCode.ERROR)


def _clients(stack: str) -> tuple[Any, str]:
    """AWS clients of the cell's account, and the cell's region."""
    from operations.preflight_checks import entered

    fleet = load_fleet(Project.find().stacks_folder)
    if stack not in fleet.cells:
        raise CellError(f"{stack}: no cell; there are {', '.join(sorted(fleet.cells))}", ExitCode.STACK_NOT_FOUND)
    return entered(fleet.account_of(stack), "model"), fleet.cells[stack].region


def _store(stack: str) -> ModelStore:
    from operations.model.store import ModelStore

    clients, region = _clients(stack)
    return ModelStore(clients.get("s3", region), _output(stack, OUTPUT))


def _output(stack: str, name: str) -> str:
    outputs: Mapping[str, Any] = Engine(Project.find()).outputs(stack)
    if name not in outputs:
        raise CellError(f"{stack} has no output {name}: it is not up, or has no fraud scoring", ExitCode.RESOURCE)
    return str(outputs[name])


def _raised(stack: str, names: list[str]) -> list[str]:
    clients, region = _clients(stack)
    answer = clients.get("cloudwatch", region).describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
    if missing := sorted(set(names) - {alarm["AlarmName"] for alarm in alarms}):
        raise CellError(f"--if-alarm: there is no {', '.join(missing)}: it would never say so", ExitCode.CONFIGURATION)
    return sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")


def _shown(store: ModelStore) -> dict[str, Any]:
    pointer, _ = store.pointer()
    named = {"serving": pointer.serving, "shadow": pointer.shadow, "canary": pointer.canary}
    reports = {name: store.report(digest) if digest else None for name, digest in named.items()}
    return {
        "version": pointer.version,
        **named,
        "canaryPercent": pointer.canary_percent,
        "previous": pointer.previous,
        "monitor": store.monitored(),
        "auc": {name: report["auc"] for name, report in reports.items() if report},
    }


def _drift(decisions: Path, days: int, seed: int) -> dict[str, Any]:
    from operations.model.dataset import of_decisions
    from operations.model.drift import LOOK, RETRAIN, drift

    found = drift(_rows(days, seed, None, None), of_decisions(decisions))
    words = {True: "retrain", False: "look"}
    return {name: f"{value:g} {words[value > RETRAIN] if value > LOOK else 'calm'}" for name, value in found.items()}
