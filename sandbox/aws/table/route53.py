"""Route 53 hosted zones and records."""

import uuid
from typing import Any

from sandbox.aws.provider.calls import or_none, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import tag_list, tag_map

DEFAULT_COMMENT = "Managed by Pulumi"

OWN_TYPES = ("NS", "SOA")
"""Records of the zone's own name that come and go with it."""

POLICIES = ("weighted", "failover", "latency", "geolocation")

ESCAPES = {"\\052": "*"}
"""Route 53 answers a wildcard in octal."""


def _zone_id(answer_id: str) -> str:
    return answer_id.rpartition("/")[2]


def _bare(name: str) -> str:
    """A domain name as the official plugin has it: lower case, no final dot, wildcard as ``*``."""
    for escaped, plain in ESCAPES.items():
        name = name.replace(escaped, plain)
    return name.lower().rstrip(".")


def _vpc(ctx: Context, vpc: Props) -> dict[str, str]:
    return {"VPCId": vpc["vpcId"], "VPCRegion": vpc.get("vpcRegion") or ctx.region}


def _create_zone(ctx: Context, props: Props) -> str:
    vpcs = [_vpc(ctx, vpc) for vpc in props.get("vpcs") or []]
    request = {
        "Name": props["name"],
        "CallerReference": str(uuid.uuid4()),
        "HostedZoneConfig": {"Comment": props.get("comment") or "", "PrivateZone": bool(vpcs)},
        "DelegationSetId": props.get("delegationSetId"),
        "VPC": vpcs[0] if vpcs else None,
    }
    made = ctx.client("route53").create_hosted_zone(**without_none(request))
    return _zone_id(made["HostedZone"]["Id"])


def _settle_zone(ctx: Context, zone: str, props: Props) -> None:
    client = ctx.client("route53")
    if props.get("tags"):
        client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=tag_list(props["tags"]))
    live = {vpc["VPCId"] for vpc in client.get_hosted_zone(Id=zone).get("VPCs") or []}
    wanted = {vpc["vpcId"]: vpc for vpc in props.get("vpcs") or []}
    for vpc in wanted:
        if vpc not in live:
            client.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=_vpc(ctx, wanted[vpc]))
    for vpc in live - set(wanted):
        # Route 53 wants the region of a VPC that leaves; ours are all in the provider's.
        client.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC={"VPCId": vpc, "VPCRegion": ctx.region})


def _update_zone(ctx: Context, zone: str, _old: Props, new: Props) -> None:
    ctx.client("route53").update_hosted_zone_comment(Id=zone, Comment=new.get("comment") or "")


def _read_zone(ctx: Context, zone: str, _last: Props) -> Props | None:
    client = ctx.client("route53")
    answer = client.get_hosted_zone(Id=zone)
    live, servers = answer["HostedZone"], sorted((answer.get("DelegationSet") or {}).get("NameServers") or ())
    tags = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)["ResourceTagSet"].get("Tags")
    vpcs = [{"vpcId": vpc["VPCId"], "vpcRegion": vpc["VPCRegion"]} for vpc in answer.get("VPCs") or []]
    return {
        "zoneId": zone,
        "arn": ctx.arn("route53", f"hostedzone/{zone}", region="", account_id=""),
        "name": live["Name"].rstrip("."),
        "comment": (live.get("Config") or {}).get("Comment") or "",
        "nameServers": servers,
        "primaryNameServer": servers[0] if servers else "",
        "vpcs": vpcs or None,
        "tags": tag_map(tags),
    }


def _tag_zone(ctx: Context, zone: str, _last: Props, added: Tags, removed: list[str]) -> None:
    changes = {"AddTags": tag_list(added) or None, "RemoveTagKeys": removed or None}
    ctx.client("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, **without_none(changes))


def _delete_zone(ctx: Context, zone: str, last: Props) -> None:
    client = ctx.client("route53")
    if last.get("forceDestroy"):
        for record in _all_records(client, zone):
            if record["Type"] in OWN_TYPES and _bare(record["Name"]) == _bare(last["name"]):
                continue
            _change(client, zone, "DELETE", record)
    client.delete_hosted_zone(Id=zone)


def _all_records(client: Any, zone: str, **start: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, **start)
    return [record for page in pages for record in page["ResourceRecordSets"]]


def _change(client: Any, zone: str, action: str, record: dict[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


# ---- records


def _full_name(client: Any, zone: str, name: str) -> str:
    """The record's full name: the zone's name is added when it is not there, as the official plugin does."""
    domain = _bare(client.get_hosted_zone(Id=zone)["HostedZone"]["Name"])
    bare = _bare(name)
    if not bare:
        return domain
    return bare if bare == domain or bare.endswith(f".{domain}") else f"{bare}.{domain}"


def _record(client: Any, props: Props) -> dict[str, Any]:
    record: dict[str, Any] = {
        "Name": _full_name(client, props["zoneId"], props["name"]),
        "Type": props["type"],
        "TTL": props.get("ttl"),
        "ResourceRecords": [{"Value": _wire(props["type"], text)} for text in props.get("records") or []] or None,
        "SetIdentifier": props.get("setIdentifier"),
        "HealthCheckId": props.get("healthCheckId"),
        "MultiValueAnswer": props.get("multivalueAnswerRoutingPolicy") or None,
    }
    for alias in props.get("aliases") or []:
        record["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    for name, member, key in (
        ("weighted", "Weight", "weight"),
        ("failover", "Failover", "type"),
        ("latency", "Region", "region"),
    ):
        for policy in props.get(f"{name}RoutingPolicies") or []:
            record[member] = policy[key]
    for place in props.get("geolocationRoutingPolicies") or []:
        codes = {"ContinentCode": "continent", "CountryCode": "country", "SubdivisionCode": "subdivision"}
        record["GeoLocation"] = {member: place[key] for member, key in codes.items() if place.get(key)}
    return without_none(record)


def _wire(kind: str, text: str) -> str:
    """TXT and SPF values are quoted on the wire, and not in a program."""
    quoted = kind in ("TXT", "SPF") and not text.startswith('"')
    return f'"{text}"' if quoted else text


def _record_id(props: Props, full_name: str) -> str:
    return "_".join(part for part in (props["zoneId"], full_name, props["type"], props.get("setIdentifier")) if part)


def _create_record(ctx: Context, props: Props) -> str:
    for name in ("cidrRoutingPolicy", "geoproximityRoutingPolicy"):
        if props.get(name):
            raise ValueError(f"{name}: not emulated")
    client = ctx.client("route53")
    record = _record(client, props)
    _change(client, props["zoneId"], "UPSERT" if props.get("allowOverwrite") else "CREATE", record)
    return _record_id(props, record["Name"])


def _update_record(ctx: Context, _id: str, _old: Props, new: Props) -> None:
    client = ctx.client("route53")
    _change(client, new["zoneId"], "UPSERT", _record(client, new))


def _parts(id_: str, last: Props) -> tuple[str, str, str, str | None]:
    """(zone, full name, type, set identifier) from ``ZONE_name_TYPE[_set]``; a name may hold ``_``."""
    zone, _, rest = id_.partition("_")
    if last.get("type"):
        name, _, identifier = rest.rpartition(f"_{last['type']}")
        return zone, name, last["type"], identifier.lstrip("_") or None
    words = rest.split("_")
    at = max((i for i, word in enumerate(words) if i and word.isupper() and word.isalnum()), default=0)
    if not at:
        raise ValueError(f"{id_}: a record's id is ZONEID_name_TYPE or ZONEID_name_TYPE_setidentifier")
    return zone, "_".join(words[:at]), words[at], "_".join(words[at + 1 :]) or None


def _find(client: Any, id_: str, last: Props) -> dict[str, Any] | None:
    zone, name, kind, identifier = _parts(id_, last)
    name = _full_name(client, zone, name)
    answer = or_none(client.list_resource_record_sets, HostedZoneId=zone, StartRecordName=name, StartRecordType=kind)
    for record in (answer or {}).get("ResourceRecordSets", []):
        if (_bare(record["Name"]), record["Type"], record.get("SetIdentifier")) == (name, kind, identifier):
            return dict(record)
    return None


def _read_record(ctx: Context, id_: str, last: Props) -> Props | None:
    client = ctx.client("route53")
    found = _find(client, id_, last)
    if found is None:
        return None
    full_name = _bare(found["Name"])
    short = last.get("name")
    same = short and _full_name(client, _parts(id_, last)[0], short) == full_name
    values = [record["Value"] for record in found.get("ResourceRecords") or []]
    if found["Type"] in ("TXT", "SPF"):
        values = [value.strip('"') for value in values]
    return {
        "zoneId": id_.partition("_")[0],
        "name": short if same else full_name,
        "fqdn": full_name,
        "type": found["Type"],
        "ttl": found.get("TTL"),
        "records": values or None,
        "setIdentifier": found.get("SetIdentifier"),
        "healthCheckId": found.get("HealthCheckId"),
        "multivalueAnswerRoutingPolicy": found.get("MultiValueAnswer"),
        "aliases": _aliases(found),
        **_policies(found),
    }


def _aliases(found: Props) -> list[dict[str, Any]] | None:
    target = found.get("AliasTarget")
    if not target:
        return None
    return [
        {
            "name": _bare(target["DNSName"]),
            "zoneId": target["HostedZoneId"],
            "evaluateTargetHealth": target["EvaluateTargetHealth"],
        }
    ]


def _policies(found: Props) -> dict[str, Any]:
    place = found.get("GeoLocation") or {}
    codes = {"ContinentCode": "continent", "CountryCode": "country", "SubdivisionCode": "subdivision"}
    return {
        "weightedRoutingPolicies": [{"weight": found["Weight"]}] if "Weight" in found else None,
        "failoverRoutingPolicies": [{"type": found["Failover"]}] if "Failover" in found else None,
        "latencyRoutingPolicies": [{"region": found["Region"]}] if "Region" in found else None,
        "geolocationRoutingPolicies": [{codes[code]: value for code, value in place.items()}] if place else None,
    }


def _delete_record(ctx: Context, id_: str, last: Props) -> None:
    client = ctx.client("route53")
    found = _find(client, id_, last)
    if found is not None:
        _change(client, id_.partition("_")[0], "DELETE", found)


def _same_aliases(old: Any, new: Any) -> bool:
    """Alias targets are compared as domain names: load balancers answer in mixed case."""

    def plain(aliases: Any) -> list[Any]:
        return [(_bare(a["name"]), a["zoneId"], bool(a["evaluateTargetHealth"])) for a in aliases or []]

    return plain(old) == plain(new)


TYPES = [
    ResourceType(
        token="aws:route53/zone:Zone",
        service="route53",
        create=_create_zone,
        settle=_settle_zone,
        read=_read_zone,
        update=_update_zone,
        delete=_delete_zone,
        tag=_tag_zone,
        force_new=frozenset({"name", "delegationSetId"}),
        autoname=Autoname(max_length=255),
        defaults={"comment": DEFAULT_COMMENT, "forceDestroy": False},
        global_service=True,
    ),
    ResourceType(
        token="aws:route53/record:Record",
        service="route53",
        create=_create_record,
        read=_read_record,
        update=_update_record,
        delete=_delete_record,
        force_new=frozenset({"zoneId", "name", "type", "setIdentifier"}),
        delete_before_replace=True,
        equal={"aliases": _same_aliases, "name": lambda old, new: _bare(str(old)) == _bare(str(new))},
        global_service=True,
    ),
]
