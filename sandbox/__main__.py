"""`python -m sandbox COMMAND`, which `cell sandbox COMMAND` runs."""

import argparse
import sys
from collections.abc import Sequence

from sandbox.lifecycle import commands, environment, logs
from sandbox.lifecycle.home import Home, SandboxError
from sandbox.lifecycle.report import table


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
    return parser


if __name__ == "__main__":
    sys.exit(main())
