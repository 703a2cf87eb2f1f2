"""What data plane and emulator tell each other of DNS, below /_sandbox/dns.

In: `observed`, by health check of an endpoint whether it is healthy and in which words; `serving`, by load balancer
whether a target of it answers. Out: `checks`, those whose endpoint is to be asked; `balancers` with their target
groups; `names`, by name of a record the load balancer that it leads to now.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.route53.models import route53_backends

from sandbox.aws.dns import answers
from sandbox.aws.dns.health import ALARM, CALCULATED, HEALTH, PARTITION


def exchange(told: Mapping[str, Any]) -> dict[str, Any]:
    HEALTH.observe(told["observed"])
    answers.serving(told["serving"])
    known = answers.balancers().values()
    return {
        "checks": [_described(check) for check in _in_use()],
        "balancers": [{"name": one.name, "targetGroups": list(one.target_groups)} for one in known],
        "names": dict(_names()),
    }


def _in_use() -> Iterator[Any]:
    """Checks of endpoints that some record asks for, itself or through a calculated one."""
    pending = {(account, record.health_check_id) for account, record in answers.records() if record.health_check_id}
    seen = set()
    while pending:
        account, name = one = pending.pop()
        check = route53_backends[account][PARTITION].health_checks.get(name)
        seen.add(one)
        if check is None or check.disabled:
            continue
        if check.type_ == CALCULATED:
            pending |= {(account, child) for child in check.children or ()} - seen
        elif check.type_ != ALARM:
            yield check


def _described(check: Any) -> dict[str, Any]:
    host = check.ip_address or check.fqdn
    found = None if check.ip_address else _leads(check.fqdn)
    return {
        "id": check.id,
        "kind": check.type_,
        "host": check.fqdn or check.ip_address,
        "balancer": found.balancer.name if found and found.balancer else None,
        "address": next(iter(found.values), None) if found else host,
        "port": int(check.port),
        "path": check.resource_path or "/",
        "search": check.search_string or "",
        "sni": bool(check.enable_sni),
        "interval": int(check.request_interval),
        "threshold": int(check.failure_threshold),
    }


def _names() -> Iterator[tuple[str, str]]:
    for name in {answers.canonical(record.name) for _, record in answers.records() if record.type in ("A", "CNAME")}:
        if balancer := _leads(name).balancer:
            yield name, balancer.name


def _leads(name: str) -> answers.Answer:
    """Nowhere, by routing that is not here."""
    try:
        return answers.resolve(name)
    except NotImplementedError:
        return answers.Answer()
