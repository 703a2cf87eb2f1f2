"""Listeners of load balancers with their default actions and attributes, and their further certificates."""

from typing import Any

from sandbox.aws.provider.calls import or_none
from sandbox.aws.provider.model import Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map
from sandbox.aws.table.lb import elb_tags, live_attributes, text
from sandbox.aws.table.parts import only_item

TOKEN = "aws:lb/listener:Listener"

ACTION_RENAMES = {
    "defaultActions.authenticateCognito": "AuthenticateCognitoConfig",
    "defaultActions.authenticateOidc": "AuthenticateOidcConfig",
    "defaultActions.fixedResponse": "FixedResponseConfig",
    "defaultActions.forward": "ForwardConfig",
    "defaultActions.forward.stickiness": "TargetGroupStickinessConfig",
    "defaultActions.forward.stickiness.duration": "DurationSeconds",
    "defaultActions.forward.targetGroups.arn": "TargetGroupArn",
    "defaultActions.jwtValidation": "JwtValidationConfig",
    "defaultActions.redirect": "RedirectConfig",
    "alpnPolicy": "",
}

ATTRIBUTES = {
    "tcpIdleTimeoutSeconds": "tcp.idle_timeout.seconds",
    "routingHttpResponseServerEnabled": "routing.http.response.server.enabled",
    "routingHttpResponseStrictTransportSecurityHeaderValue": (
        "routing.http.response.strict_transport_security.header_value"
    ),
    "routingHttpResponseContentSecurityPolicyHeaderValue": (
        "routing.http.response.content_security_policy.header_value"
    ),
    "routingHttpResponseXContentTypeOptionsHeaderValue": "routing.http.response.x_content_type_options.header_value",
    "routingHttpResponseXFrameOptionsHeaderValue": "routing.http.response.x_frame_options.header_value",
}
"""Property -> listener attribute (ELBv2 API reference, ListenerAttribute)."""

MTLS = {
    "Clientcert": "x_amzn_mtls_clientcert",
    "ClientcertIssuer": "x_amzn_mtls_clientcert_issuer",
    "ClientcertLeaf": "x_amzn_mtls_clientcert_leaf",
    "ClientcertSerialNumber": "x_amzn_mtls_clientcert_serial_number",
    "ClientcertSubject": "x_amzn_mtls_clientcert_subject",
    "ClientcertValidity": "x_amzn_mtls_clientcert_validity",
}
TLS = {"CipherSuite": "x_amzn_tls_cipher_suite", "Version": "x_amzn_tls_version"}
CORS = {
    "AllowCredentials": "access_control_allow_credentials",
    "AllowHeaders": "access_control_allow_headers",
    "AllowMethods": "access_control_allow_methods",
    "AllowOrigin": "access_control_allow_origin",
    "ExposeHeaders": "access_control_expose_headers",
    "MaxAge": "access_control_max_age",
}
ATTRIBUTES |= {
    f"routingHttpRequestXAmznMtls{word}HeaderName": f"routing.http.request.{key}.header_name"
    for word, key in MTLS.items()
}
ATTRIBUTES |= {
    f"routingHttpRequestXAmznTls{word}HeaderName": f"routing.http.request.{key}.header_name"
    for word, key in TLS.items()
}
ATTRIBUTES |= {
    f"routingHttpResponseAccessControl{word}HeaderValue": f"routing.http.response.{key}.header_value"
    for word, key in CORS.items()
}

FLAGS = ("routingHttpResponseServerEnabled",)


def _asked(operation: str, props: Props) -> dict[str, Any]:
    asked = request("elbv2", operation, props, renames=ACTION_RENAMES)
    if props.get("certificateArn"):
        asked["Certificates"] = [{"CertificateArn": props["certificateArn"]}]
    if props.get("alpnPolicy"):
        asked["AlpnPolicy"] = [props["alpnPolicy"]]
    return asked


def _create(ctx: Context, props: Props) -> str:
    made = ctx.client("elbv2").create_listener(**_asked("CreateListener", props))
    return str(made["Listeners"][0]["ListenerArn"])


def _settle(ctx: Context, arn: str, props: Props) -> None:
    client = ctx.client("elbv2")
    wanted = {key: text(props[prop]) for prop, key in ATTRIBUTES.items() if props.get(prop) is not None}
    if not wanted:
        return
    live = live_attributes(client.describe_listener_attributes(ListenerArn=arn))
    change = [{"Key": key, "Value": value} for key, value in wanted.items() if live.get(key) != value]
    if change:
        client.modify_listener_attributes(ListenerArn=arn, Attributes=change)


def _update(ctx: Context, arn: str, _old: Props, new: Props) -> None:
    ctx.client("elbv2").modify_listener(**_asked("ModifyListener", new), ListenerArn=arn)


def _read(ctx: Context, arn: str, last: Props) -> Props | None:
    client = ctx.client("elbv2")
    live = only_item(or_none(client.describe_listeners, ListenerArns=[arn]), "Listeners")
    if live is None:
        return None
    found = outputs(TOKEN, live, renames={**ACTION_RENAMES, "arn": "ListenerArn"})
    found["defaultActions"] = [
        _action(action, before)
        for action, before in zip(found.get("defaultActions") or [], _before(last), strict=False)
    ]
    certificates = live.get("Certificates") or []
    found["certificateArn"] = certificates[0]["CertificateArn"] if certificates else None
    found["alpnPolicy"] = (live.get("AlpnPolicy") or [None])[0]
    if live.get("Protocol") not in ("HTTPS", "TLS"):
        found["sslPolicy"] = ""
    attributes = live_attributes(client.describe_listener_attributes(ListenerArn=arn))
    for prop, key in ATTRIBUTES.items():
        if key in attributes:
            found[prop] = _value(prop, attributes[key])
    found["tags"] = tag_map(client.describe_tags(ResourceArns=[arn])["TagDescriptions"][0].get("Tags"))
    return found


def _value(prop: str, live: str) -> Any:
    if prop in FLAGS:
        return live == "true"
    return int(live) if prop == "tcpIdleTimeoutSeconds" else live


def _before(last: Props) -> list[Props]:
    """The last known actions, and as many empty ones as AWS can have (five)."""
    return [*(last.get("defaultActions") or ()), *({} for _ in range(5))]


def _action(action: dict[str, Any], before: Props) -> dict[str, Any]:
    """AWS answers a forward to one group twice, as an ARN and as a group list; the program has one of them."""
    groups = (action.get("forward") or {}).get("targetGroups") or []
    if before.get("forward"):
        action.pop("targetGroupArn", None)
    elif len(groups) <= 1 and action.get("targetGroupArn"):
        action.pop("forward", None)
    if before.get("order") is None:
        action.pop("order", None)
    return action


def _add_certificate(ctx: Context, props: Props) -> str:
    listener, certificate = props["listenerArn"], props["certificateArn"]
    ctx.client("elbv2").add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": certificate}])
    return f"{listener}_{certificate}"


def _read_certificate(ctx: Context, id_: str, _last: Props) -> Props | None:
    listener, certificate = id_.split("_", 1)
    answer = or_none(ctx.client("elbv2").describe_listener_certificates, ListenerArn=listener)
    found = [one["CertificateArn"] for one in (answer or {}).get("Certificates", ()) if not one.get("IsDefault")]
    return {"listenerArn": listener, "certificateArn": certificate} if certificate in found else None


def _remove_certificate(ctx: Context, id_: str, _last: Props) -> None:
    listener, certificate = id_.split("_", 1)
    ctx.client("elbv2").remove_listener_certificates(
        ListenerArn=listener, Certificates=[{"CertificateArn": certificate}]
    )


TYPES = [
    ResourceType(
        token=TOKEN,
        service="elbv2",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, arn, _last: ctx.client("elbv2").delete_listener(ListenerArn=arn),
        tag=elb_tags,
        force_new=frozenset({"loadBalancerArn"}),
        ordered=frozenset({"defaultActions"}),
        delete_before_replace=True,
    ),
    ResourceType(
        token="aws:lb/listenerCertificate:ListenerCertificate",
        service="elbv2",
        create=_add_certificate,
        read=_read_certificate,
        delete=_remove_certificate,
        force_new=frozenset({"listenerArn", "certificateArn"}),
    ),
]
