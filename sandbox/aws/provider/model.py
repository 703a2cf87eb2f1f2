"""What the table is made of: one :class:`ResourceType` a Pulumi token, and the :class:`Context` its functions work in.

How the provider uses an entry (nothing below needs to be repeated in an entry):

* Inputs arrive validated against the pulumi-aws SDK, with autonames and :attr:`ResourceType.defaults` filled in,
  secrets unwrapped and ``tags`` already merged with the provider's default tags.
* ``create`` makes the resource and returns its id at once; ``settle`` does what follows (waiting until it is
  available, attributes that need calls of their own). When ``settle`` fails the resource is kept in state as half
  made, and the next ``up`` runs ``settle`` again.
* ``read`` returns every official output it can learn. A key with ``None`` means "AWS says it is not set"; a *missing*
  key means "AWS does not tell" and keeps the last known value. ``tags`` in what it returns are all live tags
  (``aws:`` ones may be left in). ``id``, ``region`` and ``tagsAll`` are added by the provider.
* A botocore error whose code says "not found" is ``None`` in ``read`` and success in ``delete``; entries just let it
  go. All other errors become ``creating aws:sqs/queue:Queue (name): Code: message``.
* ``update`` is called when an input other than ``tags`` changed (``old`` = last outputs, ``new`` = new inputs),
  ``tag`` when tags changed. Without ``update`` every change but tags replaces.
* JSON documents, list order, number spelling and IAM policy spelling are compared by meaning, so ``read`` may return
  AWS's spelling.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

Props = Mapping[str, Any]
"""camelCase names as in the pulumi-aws SDK; plain Python values."""

Tags = Mapping[str, str]

T = TypeVar("T")

POLL_S = 0.2
"""Seconds between two looks at something that AWS makes in the background; the emulator answers from memory."""


class Clients(Protocol):
    """Where a context gets its boto3 clients from; they are cached for the whole process."""

    def client(self, service: str, region: str) -> Any: ...


class WaitTimeout(Exception):
    """What was waited for did not happen before the operation's deadline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One account and region, for the length of one operation.

    ``deadline`` is a ``time.monotonic()`` value: when the operation's timeout (customTimeouts, else the provider's
    default) ends.
    """

    region: str
    account_id: str
    partition: str
    clients: Clients
    deadline: float = field(default=float("inf"))
    cancelled: threading.Event = field(default_factory=threading.Event)

    def client(self, service: str) -> Any:
        """The boto3 client of a service in this context's region and account."""
        return self.clients.client(service, self.region)

    def in_region(self, region: str) -> "Context":
        """The same account and deadline in another region (global services that live in us-east-1, replicas)."""
        return replace(self, region=region)

    def arn(self, service: str, resource: str, *, region: str | None = None, account_id: str | None = None) -> str:
        """``arn:<partition>:<service>:<region>:<account>:<resource>``; pass ``""`` for what AWS leaves out."""
        place = self.region if region is None else region
        owner = self.account_id if account_id is None else account_id
        return f"arn:{self.partition}:{service}:{place}:{owner}:{resource}"

    def wait(self, probe: Callable[[], T | None], what: str, *, every_s: float = POLL_S) -> T:
        """Call ``probe`` until it returns something other than None or False; that value is returned.

        ``what`` names the awaited state in the error, e.g. ``"node group payments to be ACTIVE"``. ``probe`` raises
        to give up early.
        """
        while True:
            found = probe()
            if found is not None and found is not False:
                return found
            if time.monotonic() + every_s > self.deadline:
                raise WaitTimeout(f"timeout while waiting for {what}")
            if self.cancelled.wait(every_s):
                raise WaitTimeout(f"cancelled while waiting for {what}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoname:
    """How a physical name is made when the program gives none: ``<logical name>-<7 hex digits>``, as the official
    plugin does.
    """

    prop: str = "name"
    max_length: int = 255
    suffix: Callable[[Props], str] = lambda _props: ""
    """Ending that AWS wants for some inputs, e.g. ``.fifo``."""
    transform: Callable[[str], str] = lambda name: name
    """Applied to the logical name, e.g. ``str.lower`` for buckets."""


Create = Callable[[Context, Props], str]
Read = Callable[[Context, str, Props], Props | None]
Delete = Callable[[Context, str, Props], None]
Update = Callable[[Context, str, Props, Props], None]
Settle = Callable[[Context, str, Props], None]
Tag = Callable[[Context, str, Props, Tags, list[str]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceType:
    """One entry of the table: how a Pulumi resource type is made, read, changed and removed through boto3."""

    token: str
    """``aws:sqs/queue:Queue``."""
    service: str
    """botocore service of the main call, e.g. ``sqs``."""
    create: Create
    """``(context, inputs) -> id``; the id has the official plugin's format."""
    read: Read
    """``(context, id, last known outputs) -> outputs`` or None when it is gone. Import calls it with ``{}``."""
    delete: Delete
    """``(context, id, last known outputs)``."""
    update: Update | None = None
    """``(context, id, old outputs, new inputs)``."""
    settle: Settle | None = None
    """``(context, id, inputs)`` after create and after update; must be repeatable."""
    tag: Tag | None = None
    """``(context, id, last known outputs, tags to set, keys to remove)``; needed when the SDK type has ``tags``. See
    ``calls.tagging``.
    """
    force_new: frozenset[str] = frozenset()
    """Input properties (dotted for nested ones) whose change replaces the resource."""
    delete_before_replace: bool = False
    """AWS refuses two at once. (Types with ``autoname`` whose name the program gave are always deleted first.)"""
    autoname: Autoname | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values the official plugin fills in for absent inputs (top level). Drift away from them is seen and repaired. A
    function gets the inputs and returns the value, or None for no default."""
    ordered: frozenset[str] = frozenset()
    """List properties (dotted) whose order counts; all others are compared as sets."""
    computed_on_update: frozenset[str] = frozenset()
    """Outputs that an update changes by itself (a version number): unknown in the preview of an update."""
    computed_within: frozenset[str] = frozenset()
    """Dotted outputs inside an input block that AWS decides (``vpcConfig.clusterSecurityGroupId``): unknown in the
    preview of a create.
    """
    unread: frozenset[str] = frozenset()
    """Optional inputs that ``read`` may return although the program left them out, without that being drift."""
    settles_gone: bool = False
    """``delete`` returns before the resource has gone: the provider polls ``read`` until it is None."""
    timeout_s: float = 600.0
    """Deadline of one operation unless customTimeouts says otherwise."""
    equal: Mapping[str, Callable[[Any, Any], bool]] = field(default_factory=dict)
    """Own comparison for a top-level property (old, new; neither None), e.g. a key's id and its ARN."""
    global_service: bool = False
    """No ``region`` argument (IAM, Route 53); calls go to the provider's region."""
