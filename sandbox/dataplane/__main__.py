"""`python -m sandbox.dataplane <home> <emulator port>`: until SIGTERM, or until the supervisor ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.dataplane import control, report
from sandbox.dataplane.dns import Dns
from sandbox.dataplane.faults import FAULTS
from sandbox.dataplane.guests import NoSuchFault
from sandbox.dataplane.node import Node
from sandbox.lifecycle import processes
from sandbox.lifecycle.home import Home
from sandbox.regions import LATE, RegionFault

HOSTS = "hosts.json"
HOSTS_EVERY_S = 1.0

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", processes.RUN_VARIABLE)
"""Of the environment that the sandbox was started from; nothing else of it is anybody's business here."""


def tell(message: str) -> None:
    print(f"{time.strftime('%FT%T')} {message}", flush=True)


def own_environment(home: Home, port: int) -> None:
    """The sandbox's own access key, for this process and for databases and banks; pods get none of it."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    secrets = home.secrets()
    os.environ.clear()
    os.environ.update(
        {
            **kept,
            "AWS_ACCESS_KEY_ID": secrets["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": secrets["secret_access_key"],
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
    )


def answers(node: Node, dns: Dns) -> control.Answers:
    def fault(request: Mapping[str, Any]) -> list[str]:
        name, on = request["name"], request["on"]
        if name in FAULTS:
            (node.faults.active.add if on else node.faults.active.discard)(name)
            node.wake()
        elif name.partition(":")[0].startswith(("bank-", "shard-")):
            node.guests.fault(name, on)
        elif node.regions.named(name, on=on):
            node.suffer()
        else:
            raise NoSuchFault(
                f"{name}: no such fault; there are bank-<kind>:<bank>, shard-restart, {', '.join(FAULTS)}, "
                f"{LATE}:<region>:<seconds>, {', '.join(f'{fault}:<region>' for fault in RegionFault)}"
            )
        return sorted([*node.faults.active, *node.regions.names()])

    def sql(request: Mapping[str, Any]) -> dict[str, Any]:
        argv, environment = node.guests.psql(request["stack"], request["shard"])
        return {"argv": argv, "env": environment}

    def kept(request: Mapping[str, Any]) -> str:
        return node.guests.kept(request["stack"], request["shard"], request["query"])

    def clear(_: Mapping[str, Any]) -> None:
        node.clear()

    def connections(_: Mapping[str, Any]) -> list[dict[str, Any]]:
        return report.connections(node)

    return {
        "ps": lambda _: report.processes(node),
        "connections": connections,
        "fault": fault,
        "sql": sql,
        "kept": kept,
        "resolve": lambda request: dns.leads(request["name"]),
        "clear": clear,
    }


def _keep_hosts(node: Node, dns: Dns, path: Path) -> None:
    while True:
        report.write_hosts(node, dns, path)
        time.sleep(HOSTS_EVERY_S)


def main(home: Home, port: int) -> None:
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor blocks what it waits for, and masks are inherited
    processes.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    own_environment(home, port)
    node = Node(home, port, tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    node.suffer()  # of nothing: the emulator may know of faults from a data plane that ended
    token = home.secrets()["admin_token"]
    dns = Dns(port, token, lambda: list(node.clusters.values()), tell)
    control.serve(home.dataplane, answers(node, dns))
    threading.Thread(target=_keep_hosts, args=(node, dns, home.dataplane / HOSTS), name="hosts", daemon=True).start()
    tell(f"running pods at 127.{node.network.octet}.0.0/16")
    node.run()
    tell("ended")
    os._exit(0)  # threads wait for servers that are gone; there is nothing left to wait for


if __name__ == "__main__":
    main(Home(path=Path(sys.argv[1])), int(sys.argv[2]))
