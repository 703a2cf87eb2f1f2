"""The gate in front of the AWS API: calls of workloads pass if IAM lets them."""

from typing import Any

from sandbox.aws.iam.encryption import implied
from sandbox.aws.iam.needs import needs
from sandbox.aws.iam.pods import CLUSTER_TAG
from sandbox.aws.iam.refusals import EXPIRED, UNKNOWN_KEY, WRONG_TOKEN, Answer, denied
from sandbox.aws.iam.requests import Credential, read
from sandbox.aws.iam.sessions import Session, Sessions, is_workload
from sandbox.aws.iam.used import USED

TEMPORARY = "ASIA"
"""First letters of the access keys that STS gives out
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids)."""


class Gate:
    """Knows the sessions of one emulated world."""

    def __init__(self) -> None:
        self._sessions = Sessions()

    def refusal(self, environ: dict[str, Any], who: Credential) -> Answer | None:
        """None for a call that may pass: of a long-lived key, of a role that deploys, or an allowed one. Signatures are
        not computed: whoever knows a session token got it from STS."""
        if not who.access_key_id.startswith(TEMPORARY):
            return None
        session = self._sessions.find(who.access_key_id)
        if session is None:
            return UNKNOWN_KEY
        if session.token != who.token:
            return WRONG_TOKEN
        if session.expired:
            return EXPIRED
        return self._judged(environ, who, session) if is_workload(session.principal.role) else None

    def home(self, who: Credential) -> str:
        """The region of the cluster whose pod asks; empty for anybody else."""
        session = self._sessions.find(who.access_key_id) if who.access_key_id.startswith(TEMPORARY) else None
        arn = session.principal.tags.get(CLUSTER_TAG, "") if session else ""
        return [*arn.split(":"), *([""] * 4)][3]

    def _judged(self, environ: dict[str, Any], who: Credential, session: Session) -> Answer | None:
        asked = read(environ, who, session.principal.account)
        own = needs(asked)
        refusal = USED.judge(session.principal, own, who.region)
        # What a service does with a key comes after the call itself: a refused call names what it lacks.
        refusal = refusal or USED.judge(session.principal, implied(asked, own), who.region)
        return denied(refusal.message) if refusal else None

    def clear(self) -> None:
        """Forget sessions and what was used, as the account did."""
        self._sessions.clear()
        USED.clear()
