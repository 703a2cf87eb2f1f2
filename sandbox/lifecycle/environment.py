"""`cell sandbox env`: what makes a shell, and every program started from it, work against the sandbox."""

import os
import shlex

from sandbox.lifecycle import credentials
from sandbox.lifecycle.home import HOME_VARIABLE, Home, Run
from sandbox.lifecycle.shims import outside_path

RESOLVE_VARIABLE = "PAYMENT_CELL_RESOLVE"
"""Environment variable with a JSON file: host, with or without port -> address and port, as `curl --resolve` has it."""


def variables(home: Home, run: Run, *, official_plugins: bool = False) -> dict[str, str | None]:
    """Name -> value; None means that the variable has to be unset and occurs only for variables that are set now."""
    secrets = home.secrets()
    bin_folder = home.official_bin if official_plugins else home.bin
    unset = dict.fromkeys(_in_the_way())
    return {
        **unset,
        "PATH": os.pathsep.join([str(bin_folder), outside_path(home)]),
        HOME_VARIABLE: str(home.path),
        RESOLVE_VARIABLE: str(home.dataplane / "hosts.json"),
        "PULUMI_BACKEND_URL": home.state.as_uri(),
        "PULUMI_HOME": str(home.pulumi_home),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(home.passphrase),
        # Stacks that share one encrypted stack file keep the salt of their own state.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "AWS_ENDPOINT_URL": run.url,
        "AWS_ACCESS_KEY_ID": secrets["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": secrets["secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **_without_proxy(),
    }


def shell_lines(values: dict[str, str | None]) -> str:
    """For `eval` in a POSIX shell."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in values.items()
    )


def _in_the_way() -> list[str]:
    """Set variables that would lead a program past the sandbox: real credentials, an endpoint of a single service."""
    names = [*credentials.REAL_CREDENTIALS, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "PULUMI_CONFIG_PASSPHRASE"]
    names += sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_"))
    return [name for name in names if name in os.environ]


def _without_proxy() -> dict[str, str]:
    """Keep loopback away from a configured proxy."""
    if not any(
        os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")
    ):
        return {}
    result = {}
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [
            host for host in os.environ.get(name, "").split(",") if host and host not in ("127.0.0.1", "localhost")
        ]
        result[name] = ",".join(["127.0.0.1", "localhost", *hosts])
    return result
