"""The sandbox's own random credentials, and the refusal to work next to real ones."""

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

from sandbox.lifecycle.home import Home, SandboxError, write_private

KEY_ID_PREFIX = "AKIASANDBOX"
"""Start of the access key id of every sandbox; the other nine of its 20 characters are random."""

REAL_CREDENTIALS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables from which the AWS SDKs take credentials, apart from the access key itself.
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings"""


def found(environment: Mapping[str, str]) -> list[str]:
    """Names of the variables that carry or lead to real AWS credentials."""
    names = [name for name in REAL_CREDENTIALS if environment.get(name)]
    key_id = environment.get("AWS_ACCESS_KEY_ID", "")
    if not key_id.startswith(KEY_ID_PREFIX):
        names += [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if environment.get(name)]
    shared = environment.get("AWS_SHARED_CREDENTIALS_FILE", "")
    if shared and Path(shared).expanduser().is_file():
        names.append("AWS_SHARED_CREDENTIALS_FILE")
    return names


def refuse_real(environment: Mapping[str, str] = os.environ) -> None:
    """SandboxError when the environment holds real credentials: a mistake here would act on a real account."""
    names = found(environment)
    if names:
        raise SandboxError(
            f"real AWS credentials are in the environment ({', '.join(names)}), so the sandbox does not start: "
            f"run `unset {' '.join(names)}` first, or work on AWS without the sandbox"
        )


def ensure(home: Home) -> dict[str, str]:
    """Credentials of this sandbox, made once from the system's random source and kept over restarts, so that the
    environment of an open shell stays valid."""
    made = home.secrets()
    if not made:
        alphabet = string.ascii_uppercase + "234567"
        made = {
            "access_key_id": KEY_ID_PREFIX + "".join(secrets.choice(alphabet) for _ in range(9)),
            "secret_access_key": secrets.token_urlsafe(30),
            "admin_token": secrets.token_urlsafe(32),
        }
        home.write_secrets(made)
    if not home.passphrase.exists():
        write_private(home.passphrase, secrets.token_urlsafe(32) + "\n")
    return made
