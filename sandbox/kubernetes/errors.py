"""What can go wrong with an API server, in its own words."""

import json


class ApiError(Exception):
    """The server refused: HTTP `status`, Kubernetes `reason` such as Forbidden or Invalid, and its message."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        """(field, message) of each invalid field, as far as the server names them."""

    @classmethod
    def of(cls, status: int, body: str) -> "ApiError":
        """From the body of an answer: a metav1.Status, or any text."""
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("kind") != "Status":
            return cls(status, "", f"HTTP {status}: {body.strip()[:500]}")
        details = answer.get("details") or {}
        causes = tuple((cause.get("field", ""), cause.get("message", "")) for cause in details.get("causes") or ())
        return cls(status, answer.get("reason", ""), answer.get("message", f"HTTP {status}"), causes)


class Unreachable(Exception):
    """No API server answered; the message says which and why."""


class ConfigError(Exception):
    """The provider's configuration cannot be used; the message says what to change."""
