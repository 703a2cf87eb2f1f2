"""Create, read, update and delete of one resource through its table entry."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider import state
from sandbox.aws.provider.calls import is_not_found
from sandbox.aws.provider.clients import ClientPool
from sandbox.aws.provider.codec import secret_names
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.diff import changed_names
from sandbox.aws.provider.errors import OperationError, Partial
from sandbox.aws.provider.guards import Op, require
from sandbox.aws.provider.model import Context, Props, ResourceType, WaitTimeout
from sandbox.aws.provider.retries import VISIBLE_S, deleting, making
from sandbox.aws.provider.schema import ResourceSchema


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """Which resource an operation is about."""

    token: str
    name: str
    types: ResourceSchema
    entry: ResourceType
    timeout_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A resource as AWS has it."""

    id: str
    outputs: Mapping[str, Any]
    inputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The four operations in one configured account."""

    config: ProviderConfig
    clients: ClientPool
    cancelled: threading.Event = field(default_factory=threading.Event)

    def context(self, what: Resource, region: str | None) -> Context:
        """The context of one operation; ``region`` is the resource's own."""
        return Context(
            region=region or self.config.region,
            account_id=self.clients.account_id,
            partition=self.clients.partition,
            clients=self.clients,
            deadline=time.monotonic() + (what.timeout_s or what.entry.timeout_s),
            cancelled=self.cancelled,
        )

    def create(self, what: Resource, inputs: Mapping[str, Any]) -> Live:
        """Make it; :class:`Partial` when it exists but could not be finished."""
        props = state.plain(inputs)
        with _doing("creating", what):
            ctx = self.context(what, props.get("region"))
            require(Op.CREATE, ctx, what, props=props, olds={}, id_="")
            id_ = making(ctx, lambda: what.entry.create(ctx, props))
        try:
            if what.entry.settle:
                settle = what.entry.settle
                making(ctx, lambda: settle(ctx, id_, props))
            soon = _Soon(ctx)
            live = ctx.wait(lambda: self._look(ctx, what, id_, props, soon), "what was just made to be readable")
        except Exception as error:
            # Whatever it was, a mistake in a table entry included: a resource that exists must not be lost from state.
            raise self._half_made(ctx, what, id_, inputs, error) from error
        return self._live(ctx, what, id_, live, props, inputs, secret_names(inputs))

    def read(self, what: Resource, id_: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Live | None:
        """What AWS has now; None when it is gone. Without ``inputs`` it is an import."""
        last = state.plain(outputs)
        id_, region = _id_and_region(id_, last)
        with _doing("reading", what):
            ctx = self.context(what, region)
            live = self._look(ctx, what, id_, last)
        if live is None:
            return None
        secrets = secret_names(outputs) | secret_names(inputs)
        done = self._live(ctx, what, id_, live, last, inputs, secrets)
        known = state.plain(done.outputs)
        if inputs:
            new_inputs = state.drifted(types=what.types, entry=what.entry, inputs=state.plain(inputs), outputs=known)
            kept = {name: value for name, value in inputs.items() if name.startswith("__")}
            return Live(id=id_, outputs=done.outputs, inputs=state.secretly(what.types, new_inputs | kept, secrets))
        found = state.imported(types=what.types, entry=what.entry, outputs=known)
        if region and region != self.config.region and "region" in what.types.inputs:
            found["region"] = region
        return Live(id=id_, outputs=done.outputs, inputs=state.secretly(what.types, found))

    def update(
        self, what: Resource, id_: str, outputs: Mapping[str, Any], olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> Live:
        """Change it to the new inputs."""
        old, new = state.plain(outputs), state.plain(news)
        with _doing("updating", what):
            ctx = self.context(what, old.get("region"))
            require(Op.UPDATE, ctx, what, props=new, olds=old, id_=id_)
            making(ctx, lambda: self._change(ctx, what, id_, old, state.plain(olds), new))
            if what.entry.settle:
                settle = what.entry.settle
                making(ctx, lambda: settle(ctx, id_, new))
            live = self._look(ctx, what, id_, {**old, **new})
            if live is None:
                raise OperationError("updating", what.token, what.name, "it no longer exists; run pulumi refresh")
        gone = {name for name in olds if name not in news and name not in live}
        last = {name: value for name, value in old.items() if name not in gone} | new
        return self._live(ctx, what, id_, live, last, news, secret_names(outputs) | secret_names(news))

    def delete(self, what: Resource, id_: str, outputs: Mapping[str, Any]) -> None:
        """Remove it; gone already is fine."""
        last = state.plain(outputs)
        with _doing("deleting", what):
            ctx = self.context(what, last.get("region"))
            require(Op.DELETE, ctx, what, props=last, olds=last, id_=id_)
            try:
                deleting(ctx, lambda: what.entry.delete(ctx, id_, last))
            except ClientError as error:
                if not is_not_found(error):
                    raise
            if what.entry.settles_gone:
                ctx.wait(lambda: self._look(ctx, what, id_, last) is None, f"{what.name} to be deleted")

    def _change(self, ctx: Context, what: Resource, id_: str, old: Props, olds: Props, new: Props) -> None:
        """The calls of an update: tags apart from everything else."""
        entry = what.entry
        names = changed_names(types=what.types, entry=entry, outputs=old, old=olds, new=new)
        secretive = {name for name in new if name.endswith("WoVersion") and new[name] != old.get(name)}
        if entry.tag and "tags" in names:
            before, after = old.get("tagsAll") or old.get("tags") or {}, new.get("tags") or {}
            put = {key: value for key, value in after.items() if before.get(key) != value}
            entry.tag(ctx, id_, old, put, [key for key in before if key not in after])
            names.remove("tags")
        if entry.update and (names or secretive):
            entry.update(ctx, id_, old, new)

    def _look(self, ctx: Context, what: Resource, id_: str, last: Props, soon: "_Soon | None" = None) -> Props | None:
        try:
            live = what.entry.read(ctx, id_, last)
        except ClientError as error:
            if not is_not_found(error):
                raise
            live = None
        if live is None and soon:
            soon.check()
        return live

    def _live(
        self,
        ctx: Context,
        what: Resource,
        id_: str,
        live: Props,
        last: Props,
        inputs: Mapping[str, Any],
        secrets: frozenset[str],
    ) -> Live:
        outputs = state.finished(
            types=what.types, entry=what.entry, live=live, last=last, region=ctx.region, config=self.config
        )
        return Live(id=id_, outputs=state.secretly(what.types, outputs, secrets), inputs=inputs)

    def _half_made(
        self, ctx: Context, what: Resource, id_: str, inputs: Mapping[str, Any], error: BaseException
    ) -> Partial:
        """Whatever can be learned about it, so that the next run finishes or deletes it instead of making a second
        one.
        """
        props = state.plain(inputs)
        try:
            live = self._look(ctx, what, id_, props) or {}
        except Exception:
            live = {}
        known = self._live(ctx, what, id_, live, props, inputs, secret_names(inputs))
        return Partial("creating", what.token, what.name, error, id_=id_, outputs=known.outputs, inputs=inputs)


class _Soon:
    """Raises when something just made stays unreadable for longer than AWS's consistency allows."""

    def __init__(self, ctx: Context) -> None:
        self._end = min(time.monotonic() + VISIBLE_S, ctx.deadline)

    def check(self) -> None:
        if time.monotonic() > self._end:
            raise WaitTimeout("it was made but cannot be read")


@contextmanager
def _doing(doing: str, what: Resource) -> Iterator[None]:
    """Errors of an entry with the operation, the type and the name in front."""
    try:
        yield
    except OperationError:
        raise
    except Exception as error:
        raise OperationError(doing, what.token, what.name, error) from error


def _id_and_region(id_: str, last: Props) -> tuple[str, str | None]:
    """An import may name the region: ``vpc-123@eu-west-1``, as with the official plugin."""
    plain_id, at, region = id_.rpartition("@")
    if at and not last and region.count("-") >= 2:
        return plain_id, region
    return id_, last.get("region")
