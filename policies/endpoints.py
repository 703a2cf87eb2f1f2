"""Endpoints outside a stack, of which a declaration says a name only: a host, or a mailbox. Where that is, the list of
processors knows (catalogue/processors.yaml)."""

import re
from urllib.parse import urlsplit

from catalogue import Processor, jurisdictions, processors
from policies.control import Verdict, failed, not_observed, passed
from policies.destinations import all_inside
from policies.residency import jurisdiction
from policies.resources import Resource, Stack

AWS_DOMAINS = (".amazonaws.com", ".api.aws", ".on.aws")
"""Of endpoints that AWS serves in a region
(https://docs.aws.amazon.com/general/latest/gr/rande.html, https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html)."""

_REGION = re.compile(r"(?<![^.])[a-z]{2}(?:-[a-z]+)+-\d(?![^.])")


def url_stays_inside(url: str, sender: Resource, stack: Stack) -> Verdict:
    """Whether the host of a URL is AWS's own inside the sender's jurisdiction, or a listed processor's."""
    host = _host(url)
    if not host:
        return not_observed("the endpoint is a secret, or no URL with a host")
    # The last word that is a region: whoever names a bucket writes what is before it.
    if host.endswith(AWS_DOMAINS) and (regions := _REGION.findall(host)):
        return all_inside(regions[-1:], sender, stack, f"the endpoint {host}")
    return _listed(processors().at_host(host), f"the host {host}", sender, stack)


def mailbox_stays_inside(address: str, sender: Resource, stack: Stack) -> Verdict:
    """Whether a listed processor keeps the mailboxes of an address's domain."""
    _, at, domain = address.rpartition("@")
    if not at:
        return not_observed("the endpoint is a secret, or no address with a domain")
    return _listed(processors().at_mail_domain(domain), f"the mail domain {domain}", sender, stack)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # Of a bracket without its other one.
        return ""


def _listed(found: tuple[str, Processor] | None, what: str, sender: Resource, stack: Stack) -> Verdict:
    if found is None:
        return failed(f"{what} belongs to no processor of catalogue/processors.yaml")
    name, processor = found
    home = jurisdiction(sender, stack)
    known = jurisdictions().jurisdictions.get(home)
    if home in processor.leaves or (known and known.countries >= set(processor.countries)):
        return passed()
    return failed(
        f"{what} is of {name} in {', '.join(processor.countries)}, outside jurisdiction {home}, and its entry in "
        f"catalogue/processors.yaml does not say why data may leave {home}"
    )
