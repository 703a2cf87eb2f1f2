"""Who becomes a role: the trust policy for the workflows in `.github/`, which have no other credentials.

GitHub signs a token that says for which repository and for which event or environment a job runs; AWS exchanges it for
a session of the role. Sources, read 2026-11-28:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html,
https://docs.github.com/en/actions/reference/security/oidc
"""

import re
from collections.abc import Mapping
from typing import Any

from operations.errors import CellError, ExitCode
from operations.iam import Role, Target

ISSUER = "token.actions.githubusercontent.com"
"""Host of GitHub's identity provider, and its name in IAM."""

AUDIENCE = "sts.amazonaws.com"
"""What aws-actions/configure-aws-credentials asks the token for."""

SUBJECTS = {
    Role.READ_ONLY: ("pull_request", "ref:refs/heads/main"),
    Role.DEPLOY: ("environment:production",),
}
"""Last part of the token's subject: previews of pull requests, plans and the drift job on the main branch; and what a
person approved. GitHub gives a workflow of a fork no token."""

_REPOSITORY = re.compile(r"github:(?P<name>[A-Za-z0-9][A-Za-z0-9-]*(@\d+)?/[A-Za-z0-9._-]+(@\d+)?)")
"""With `@` and the numbers where the repository has immutable subjects, as all that were made since 2026-07-15
(https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/)."""


def trust_policy(role: Role, of: Target, source: str) -> tuple[str, Mapping[str, Any]]:
    """Name and document of a role's trust policy; `source`: `github:OWNER/REPOSITORY`, or
    `github:OWNER@ID/REPOSITORY@ID`.

    Raises CellError for another source, and for a role that no workflow assumes.
    """
    found = _REPOSITORY.fullmatch(source)
    if found is None:
        raise CellError(f"--trust: {source!r} is not github:OWNER/REPOSITORY", ExitCode.CONFIGURATION)
    if role not in SUBJECTS:
        usable = " or ".join(SUBJECTS)
        raise CellError(f"--trust: no workflow assumes a {role} role -> use --role {usable}", ExitCode.CONFIGURATION)
    subjects = [f"repo:{found['name']}:{subject}" for subject in SUBJECTS[role]]
    statement = {
        "Sid": "Workflows",
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{of.account_id}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subjects}},
    }
    return f"payment-cell-trust-{role}", {"Version": "2012-10-17", "Statement": [statement]}
