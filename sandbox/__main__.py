"""`python -m sandbox COMMAND`, which `cell sandbox COMMAND` runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.dataplane import control, traces
from sandbox.lifecycle import commands, environment, logs
from sandbox.lifecycle.home import Home, SandboxError
from sandbox.lifecycle.report import pods_table, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, 1 for an error that stderr explains, 8 when interrupted (Pulumi's own codes)."""
    options = _parser().parse_args(arguments)
    try:
        _run(options, Home.find())
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 8
    except BrokenPipeError:
        return 0
    return 0


def _run(options: argparse.Namespace, home: Home) -> None:
    match options.command:
        case "start":
            commands.start(home)
        case "stop":
            commands.stop(home)
        case "reset":
            commands.reset(home)
        case "status":
            status = commands.status(home)
            print(commands.dump(status) if options.output == "json" else table(status))
        case "env":
            run = commands.require_running(home)
            values = environment.variables(home, run, official_plugins=options.official_plugins)
            print(commands.dump(values) if options.output == "json" else environment.shell_lines(values), end="")
            commands.warn_of_stale(home, run)
        case "logs":
            logs.show(home, options.name, follow=options.follow)
        case "trace":
            _trace(home.dataplane / traces.FOLDER, options.id, options.output)
        case "ps":
            commands.require_running(home)
            found = control.ask(home, "ps")
            print(commands.dump(found) if options.output == "json" else pods_table(found))
        case "fault":
            commands.require_running(home)
            active = control.ask(home, "fault", name=options.name, on=options.state == "on")
            commands.say(f"{options.name} is {options.state}; at fault: {', '.join(active) or 'none'}")
        case "resolve":
            commands.require_running(home)
            print(control.ask(home, "resolve", name=options.name))
        case "sql" if options.kept:
            commands.require_running(home)
            query = {"stack": options.stack, "shard": options.shard, "query": options.kept}
            sys.stdout.write(control.ask(home, "kept", **query))
        case "sql":
            commands.require_running(home)
            _sql(control.ask(home, "sql", stack=options.stack, shard=options.shard), options.command_text)


def _trace(folder: Path, id_: str, output: str) -> None:
    found = traces.found(folder, id_)
    if not found:
        raise SandboxError(
            f"{id_}: no span of it is kept; the gateway keeps its share of the traces (gateway.sampledPercent), every "
            "refusal, and every payment without a fraud decision; spans arrive some seconds after they end"
        )
    if output == "json":
        print(commands.dump(found))
        return
    for trace, spans in found.items():
        print(f"trace {trace}\n{'at ms':>9} {'took ms':>9}", *traces.tree(spans), sep="\n")


def _sql(client: dict[str, Any], text: str | None) -> None:
    """Become psql."""
    arguments = [*client["argv"], *(["-c", text] if text else [])]
    sys.stdout.flush()
    os.execvpe(arguments[0], arguments, {**os.environ, **client["env"]})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cell sandbox", description="Emulated AWS and real Kubernetes API servers.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    subparsers.add_parser("start", help="start it with an empty account, or say that it runs")
    subparsers.add_parser("stop", help="end all its processes; the account is gone, Pulumi state stays")
    subparsers.add_parser("reset", help="clear account, Kubernetes and Pulumi state together")
    status = subparsers.add_parser("status", help="what runs, since when, and whether state and account agree")
    status.add_argument("-o", "--output", choices=("table", "json"), default="table")
    env = subparsers.add_parser("env", help='for `eval "$(cell sandbox env)"`')
    env.add_argument("-o", "--output", choices=("shell", "json"), default="shell")
    env.add_argument("--official-plugins", action="store_true", help="leave the sandbox's own provider plugins out")
    log = subparsers.add_parser("logs", help="list the logs, or print one")
    log.add_argument("name", nargs="?", help="such as emulator")
    log.add_argument("-f", "--follow", action="store_true", help="go on printing what is appended")
    ps = subparsers.add_parser("ps", help="what runs: pods, databases, banks, and what is declared and not run")
    ps.add_argument("-o", "--output", choices=("table", "json"), default="table")
    trace = subparsers.add_parser("trace", help="the spans of a payment's way, as a tree")
    trace.add_argument("id", help="of a trace, a request (x-request-id), a payment, a refund or an event")
    trace.add_argument("-o", "--output", choices=("table", "json"), default="table")
    fault = subparsers.add_parser("fault", help="break something, and mend it")
    fault.add_argument(
        "name",
        help="bank-{hang,500,reset,drip}:BANK, scorer-{dead,slow,stop}, relay-dead, shard-restart, "
        "{region-dead,network-cut,database-dead,control-plane-dead,slow-death}:REGION, replication-lag:REGION:SECONDS",
    )
    fault.add_argument("state", choices=("on", "off"))
    resolve = subparsers.add_parser("resolve", help="where a clients' name leads now, as Route 53 answers")
    resolve.add_argument("name", help="of a record, or of a load balancer")
    sql = subparsers.add_parser("sql", help="psql in the database of a shard")
    sql.add_argument("stack")
    sql.add_argument("shard")
    text = sql.add_mutually_exclusive_group()
    text.add_argument("-c", dest="command_text", metavar="SQL", help="run this and end")
    text.add_argument("--kept", metavar="SELECT", help="ask the volume that was kept last of a former writer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
