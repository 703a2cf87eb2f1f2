"""A copy of the project in a temporary folder, and `cell` and `pulumi` run in it as a user would run them.

Tests change the copy's stack files and program; the checkout stays as it is. The copy has its own `stacks/`, which is
first on the program's path; everything else is the checkout's.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import yaml
from botocore.config import Config

from conftest import PRODUCTION_ACCOUNT, Sandbox

ROOT = Path(__file__).resolve().parents[2]

DEVELOPMENT_ACCOUNT = "210987654321"

DEVELOPMENT = ("account-dev", "dev", "dev-workloads")
"""The stacks of its cell, in the order in which they come up."""

COMMAND_TIMEOUT_S = 1160
"""A whole cell takes about a minute and a half on two quiet cores."""

PACKS = ("--policy-pack", "policies/gdpr", "--policy-pack", "policies/soc2")

OWN_TYPES = ("pulumi:", "payment-cell:")
"""First parts of the types of stacks, providers and components: everything else is of the cloud."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of the cloud as it stands in state."""

    urn: str
    id: str
    inputs: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)

    @property
    def type(self) -> str:
        """Such as `aws:kms/key:Key`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Project:
    """The copy at `folder` in `sandbox`."""

    folder: Path
    sandbox: Sandbox

    @classmethod
    def copy(cls, sandbox: Sandbox, folder: Path) -> "Project":
        """Makes the copy; `folder` must not exist."""
        folder.mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        shutil.copytree(ROOT / "stacks", folder / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
        for file in (folder / "stacks").glob("Pulumi.*.yaml"):
            # Belongs to the state of whoever is just deploying from the checkout.
            file.write_text(re.sub(r"(?m)^encryptionsalt: .*\n", "", file.read_text()))
        (folder / "policies").symlink_to(ROOT / "policies")
        # What Pulumi.yaml names as `virtualenv`: the interpreter of the tests.
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "bin").mkdir()
        command = folder / "bin" / "cell"
        command.write_text(f"#!{sys.executable}\nfrom operations.cli import main\nmain()\n")
        command.chmod(0o755)
        return cls(folder=folder, sandbox=sandbox)

    @cached_property
    def env(self) -> dict[str, str]:
        """`eval "$(cell sandbox env)"`, with the copy's `stacks/` before the checkout's."""
        return {**self.sandbox.env, "PYTHONPATH": f"{self.folder}:{ROOT}", "COLUMNS": "400"}

    def cell(
        self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`cell ARGUMENTS`, which has to end with `code`."""
        return self._run(str(self.folder / "bin" / "cell"), *arguments, code=code, env=env or {})

    def shell(self, command: str, *, code: int = 0) -> subprocess.CompletedProcess[str]:
        """`command` in a bash of the copy with `cell` on its PATH; it has to end with `code`."""
        path = f"{self.folder / 'bin'}:{self.env['PATH']}"
        return self._run("bash", "-c", command, code=code, env={"PATH": path})

    def pulumi(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """`pulumi ARGUMENTS`, which has to end with `code`."""
        return self._run(
            "pulumi", *arguments, "--non-interactive", "--color=never", code=code, env={"PULUMI_DEBUG_COMMANDS": "true"}
        )

    def up(self, stack: str) -> dict[str, int]:
        """Plain `pulumi up` of one stack, without packs and preview: what it did, such as {"update": 2}."""
        if not self.state_file(stack).exists():
            self.pulumi("stack", "init", stack, "--no-select")
        log = self.folder / f"up-{stack}.json"
        self.pulumi("up", "--stack", stack, "--skip-preview", "--yes", "--parallel=64", f"--event-log={log}")
        (summary,) = (event["summaryEvent"] for event in events(log) if "summaryEvent" in event)
        log.unlink()
        return {kind: count for kind, count in summary["resourceChanges"].items() if kind != "same"}

    def bring_up(self, stacks: Sequence[str]) -> None:
        """Plain `pulumi up` of each: a third of the time of `cell up`, for tests of what comes after it."""
        for stack in stacks:
            self.up(stack)

    def data(self, *arguments: str) -> Any:
        """What `cell ARGUMENTS -o json` prints."""
        return json.loads(self.cell(*arguments, "-o", "json").stdout)

    def _run(
        self, program: str, *arguments: str, code: int, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.env, **env}
        done = subprocess.run(
            [shutil.which(program, path=environment["PATH"]) or program, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        said = f"{Path(program).name} {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, said
        return done

    def stack_file(self, stack: str) -> Path:
        return self.folder / "stacks" / f"Pulumi.{stack}.yaml"

    def configure(self, stack: str, **settings: Any) -> None:
        """Sets keys of a stack's settings; None removes one."""
        path = self.stack_file(stack)
        document = yaml.safe_load(path.read_text())
        (own,) = document["config"].values()
        own.update(settings)
        for key in [key for key, value in own.items() if value is None]:
            del own[key]
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def settings(self, stack: str) -> dict[str, Any]:
        """What a stack's file says."""
        (own,) = yaml.safe_load(self.stack_file(stack).read_text())["config"].values()
        return dict(own)

    def run_programs(self, cell: str) -> None:
        """Has a development cell run what a production cell runs, once it comes up."""
        self.configure(f"{cell}-workloads", images=self.settings("eu-west-1-workloads")["images"])
        # Its one node has room for its add-ons: quotas of a sixth of it take no gateway.
        self.configure(cell, nodes={"system": {"instanceTypes": ["t4g.large"], "minimum": 1, "maximum": 5}})

    def region(self, stack: str) -> str:
        """Of a cell, or an account's home."""
        own = self.settings(stack)
        return str(own.get("region") or own["homeRegion"])

    def stack_files(self) -> dict[str, bytes]:
        """Content of every stack file, by name."""
        return {path.name: path.read_bytes() for path in (self.folder / "stacks").glob("Pulumi.*")}

    def state_file(self, stack: str) -> Path:
        return self.sandbox.home / "state" / ".pulumi" / "stacks" / "payment-cell" / f"{stack}.json"

    def resources(self, stack: str) -> list[Resource]:
        """Resources of the cloud in a stack's state; empty where there is none."""
        file = self.state_file(stack)
        if not file.exists():
            return []
        latest = json.loads(file.read_text())["checkpoint"]["latest"] or {}
        return [
            Resource(urn=row["urn"], id=row["id"], inputs=row.get("inputs", {}), outputs=row.get("outputs", {}))
            for row in latest.get("resources") or []
            if row.get("custom") and not row["type"].startswith(OWN_TYPES)
        ]

    def resource(self, stack: str, name: str, type_: str) -> Resource:
        """One resource by its logical name and the end of its type, such as `Queue`."""
        found = [r for r in self.resources(stack) if r.name == name and r.type.rpartition(":")[2] == type_]
        assert len(found) == 1, f"{stack}: {len(found)} resources are {type_} {name}"
        return found[0]

    def urn_of_component(self, stack: str, type_: str) -> str:
        """The one component or provider of a type in a stack."""
        rows = json.loads(self.state_file(stack).read_text())["checkpoint"]["latest"]["resources"]
        (urn,) = (row["urn"] for row in rows if row["type"] == type_)
        return str(urn)


@dataclass(frozen=True)
class Aws:
    """Clients of one account in the sandbox, made once each."""

    sandbox: Sandbox
    account: str = PRODUCTION_ACCOUNT
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def client(self, service: str, region: str) -> Any:
        """The client of a service, acting in the account."""
        if (service, region) not in self._clients:
            url = self.sandbox.env["AWS_ENDPOINT_URL"]
            config = Config(s3={"addressing_style": "path"})
            client = self._session.client(service, region_name=region, endpoint_url=url, config=config)
            # S3 Control puts the account id before the host, and 123456789012.127.0.0.1 is no host.
            client.meta.events.register("before-send.s3-control", partial(_to_the_endpoint, url))
            self._clients[service, region] = client
        return self._clients[service, region]

    @cached_property
    def _session(self) -> boto3.Session:
        keys = {
            "aws_access_key_id": self.sandbox.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.sandbox.env["AWS_SECRET_ACCESS_KEY"],
        }
        if self.account != PRODUCTION_ACCOUNT:
            answer = self.sandbox.client("sts").assume_role(
                RoleArn=f"arn:aws:iam::{self.account}:role/payment-cell-deploy", RoleSessionName="test"
            )["Credentials"]
            keys = {
                "aws_access_key_id": answer["AccessKeyId"],
                "aws_secret_access_key": answer["SecretAccessKey"],
                "aws_session_token": answer["SessionToken"],
            }
        return boto3.Session(**keys)


def _to_the_endpoint(url: str, request: Any, **_rest: Any) -> None:
    request.url = url + urlsplit(request.url).path


def events(log: Path) -> list[dict[str, Any]]:
    """The engine's event log (`--event-log`)."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def policy_events(log: Path) -> list[dict[str, Any]]:
    """What policy packs reported: `policyName`, `policyPackName`, `enforcementLevel`, `resourceUrn`, `message`."""
    return [event["policyEvent"] for event in events(log) if "policyEvent" in event]


def changes(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Stack -> its changes, from what `cell up -o json` prints; "none" where nothing changed."""
    return {row["stack"]: row["changes"] for row in rows}


needs_kubernetes = pytest.mark.kubernetes
"""The cell's workloads stand on a real API server."""
