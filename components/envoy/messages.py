"""What every Envoy of a cell is built from: small makers of Envoy's protobuf messages, and their JSON.

    write(bootstrap(...))                 bootstrap.json
    write(discovery([listener, ...]))     lds.json, cds.json, rds.json: Envoy reads them again when the folder changes

Envoy's extension fields are `Any`s: `pack` fills one from a message. A field or message that is newer than xds-protos
travels as `TypedStruct`, which Envoy reads as if it were the message (`pack_with`, `pack_newer`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any as Anything

# Messages within an Any are found by name: importing a module is what makes its messages known.
from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2, base_pb2, config_source_pb2, protocol_pb2, substitution_format_string_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.access_loggers.stream.v3 import stream_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt32Value
from xds.type.v3 import typed_struct_pb2

ADMIN_PORT = 9901
"""Envoy's own pages, on loopback only: who reaches them may end the process."""

TLS_PARAMETERS = common_pb2.TlsParameters(
    tls_minimum_protocol_version=common_pb2.TlsParameters.TLSv1_2,
    tls_maximum_protocol_version=common_pb2.TlsParameters.TLSv1_3,
)
"""Envoy's default minimum is 1.2 for servers and clients; said, so that a scan finds it."""

TYPES = "type.googleapis.com/"


def to_dict(message: Message) -> dict[str, Anything]:
    """A message as JSON fields, under their names in the proto files."""
    found: dict[str, Anything] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def write(message: Message) -> str:
    """A message as JSON text: the same message gives the same text."""
    return json.dumps(to_dict(message), sort_keys=True, indent=1) + "\n"


def pack(message: Message) -> Any:
    """A message as an extension's configuration."""
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def pack_newer(type_name: str, fields: Mapping[str, Anything]) -> Any:
    """A message that xds-protos does not know, by its full name and JSON fields."""
    value = Struct()
    value.update(dict(fields))
    return pack(typed_struct_pb2.TypedStruct(type_url=TYPES + type_name, value=value))


def pack_with(message: Message, **newer: Anything) -> Any:
    """A message with fields that xds-protos does not know."""
    return pack_newer(message.DESCRIPTOR.full_name, {**to_dict(message), **newer})


def duration(seconds: float) -> Duration:
    """Seconds, to the microsecond."""
    found = Duration()
    found.FromMicroseconds(round(seconds * 1_000_000))
    return found


def count(number: int) -> UInt32Value:
    """A number that may also be absent."""
    return UInt32Value(value=number)


def headers(
    values: Mapping[str, str], *, append: bool = False, keep_empty: bool = False
) -> list[base_pb2.HeaderValueOption]:
    """Headers to set; values take Envoy's %FORMAT% commands. `append`: beside those that are there."""
    kinds = base_pb2.HeaderValueOption
    action = kinds.APPEND_IF_EXISTS_OR_ADD if append else kinds.OVERWRITE_IF_EXISTS_OR_ADD
    return [
        kinds(header=base_pb2.HeaderValue(key=key, value=value), append_action=action, keep_empty_value=keep_empty)
        for key, value in values.items()
    ]


def json_format(fields: Mapping[str, Anything]) -> substitution_format_string_pb2.SubstitutionFormatString:
    """A JSON object whose strings take %FORMAT% commands."""
    found = substitution_format_string_pb2.SubstitutionFormatString(omit_empty_values=True)
    found.json_format.update(dict(fields))
    return found


def address(host: str, port: int) -> address_pb2.Address:
    """A name or an address, and a TCP port."""
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=host, port_value=port))


def file_source(path: str) -> config_source_pb2.ConfigSource:
    """A discovery file within a mounted ConfigMap, which changes when Kubernetes swaps the folder's `..data` link."""
    folder = path.rpartition("/")[0]
    return config_source_pb2.ConfigSource(
        resource_api_version=config_source_pb2.ApiVersion.V3,
        path_config_source=config_source_pb2.PathConfigSource(
            path=path, watched_directory=base_pb2.WatchedDirectory(path=folder)
        ),
    )


def bootstrap(node: str, cell: str, *, listeners: str, clusters: str) -> bootstrap_pb2.Bootstrap:
    """A process that reads listeners and clusters from these files, with its admin pages on loopback."""
    return bootstrap_pb2.Bootstrap(
        node=base_pb2.Node(id=node, cluster=cell),
        admin=bootstrap_pb2.Admin(address=address("127.0.0.1", ADMIN_PORT)),
        dynamic_resources=bootstrap_pb2.Bootstrap.DynamicResources(
            lds_config=file_source(listeners), cds_config=file_source(clusters)
        ),
    )


def discovery(resources: Sequence[Message]) -> discovery_pb2.DiscoveryResponse:
    """The content of a discovery file."""
    packed = [pack(resource) for resource in resources]
    types = {one.type_url for one in packed}
    if len(types) > 1:
        raise ValueError(f"envoy.discovery: a file holds one type, not {', '.join(sorted(types))}")
    return discovery_pb2.DiscoveryResponse(resources=packed, type_url=next(iter(types), ""))


def listener(
    name: str,
    port: int,
    manager: http_connection_manager_pb2.HttpConnectionManager,
    *,
    tls: tls_pb2.DownstreamTlsContext | None = None,
    buffer_bytes: int = 32 * 1024,
) -> listener_pb2.Listener:
    """An HTTP listener on the pod's addresses. `buffer_bytes`: what a connection may hold unread; Envoy's default of
    1 MiB is for machines that hold few of them."""
    chain = listener_components_pb2.FilterChain(
        filters=[
            listener_components_pb2.Filter(
                name="envoy.filters.network.http_connection_manager", typed_config=pack(manager)
            )
        ]
    )
    if tls is not None:
        chain.transport_socket.CopyFrom(transport_socket(tls))
        chain.transport_socket_connect_timeout.CopyFrom(duration(5))
    return listener_pb2.Listener(
        name=name,
        address=address("0.0.0.0", port),
        filter_chains=[chain],
        per_connection_buffer_limit_bytes=count(buffer_bytes),
        listener_filters_timeout=duration(5),
    )


def http_filter(name: str, config: Message) -> http_connection_manager_pb2.HttpFilter:
    """A filter of a connection manager; `config` may be an `Any` already."""
    packed = config if isinstance(config, Any) else pack(config)
    return http_connection_manager_pb2.HttpFilter(name=name, typed_config=packed)


def router() -> http_connection_manager_pb2.HttpFilter:
    """The last filter. Headers that tell callers about our inside are not made."""
    return http_filter("envoy.filters.http.router", router_pb2.Router(suppress_envoy_headers=True))


def http_options(*, idle_s: float, max_headers: int) -> protocol_pb2.HttpProtocolOptions:
    """Bounds of a connection in both versions. A header with `_` may be another one to the next server: refused."""
    return protocol_pb2.HttpProtocolOptions(
        idle_timeout=duration(idle_s),
        max_headers_count=count(max_headers),
        headers_with_underscores_action=protocol_pb2.HttpProtocolOptions.REJECT_REQUEST,
    )


def http2_options(*, streams: int = 100, keepalive_s: float | None = None) -> protocol_pb2.Http2ProtocolOptions:
    """HTTP/2 with windows of 64 KiB and 1 MiB, what Envoy's edge guide asks for; pings find a dead peer."""
    found = protocol_pb2.Http2ProtocolOptions(
        max_concurrent_streams=count(streams),
        initial_stream_window_size=count(64 * 1024),
        initial_connection_window_size=count(1024 * 1024),
    )
    if keepalive_s is not None:
        found.connection_keepalive.interval.CopyFrom(duration(keepalive_s))
        found.connection_keepalive.timeout.CopyFrom(duration(keepalive_s))
    return found


def cluster(
    name: str,
    host: str,
    port: int,
    *,
    connect_timeout_s: float,
    http2: bool = False,
    idle_s: float = 60,
) -> cluster_pb2.Cluster:
    """Servers behind a DNS name, IPv4, looked up every 5 s. `idle_s`: less than a server keeps silent connections."""
    options = http_protocol_options_pb2.HttpProtocolOptions(
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(idle_timeout=duration(idle_s)),
    )
    if http2:
        options.explicit_http_config.http2_protocol_options.CopyFrom(http2_options(keepalive_s=5))
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    return cluster_pb2.Cluster(
        name=name,
        type=cluster_pb2.Cluster.STRICT_DNS,
        dns_lookup_family=cluster_pb2.Cluster.V4_ONLY,
        connect_timeout=duration(connect_timeout_s),
        load_assignment=endpoint_pb2.ClusterLoadAssignment(
            cluster_name=name,
            endpoints=[endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=[_endpoint(host, port)])],
        ),
        typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(options)},
    )


def _endpoint(host: str, port: int) -> endpoint_components_pb2.LbEndpoint:
    return endpoint_components_pb2.LbEndpoint(endpoint=endpoint_components_pb2.Endpoint(address=address(host, port)))


def transport_socket(context: Message) -> base_pb2.TransportSocket:
    """TLS below a filter chain or a cluster."""
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def file_certificate(folder: str) -> common_pb2.TlsCertificate:
    """Certificate and key of a mounted TLS Secret, read again when Kubernetes swaps the folder."""
    return common_pb2.TlsCertificate(
        certificate_chain=base_pb2.DataSource(filename=f"{folder}/tls.crt"),
        private_key=base_pb2.DataSource(filename=f"{folder}/tls.key"),
        watched_directory=base_pb2.WatchedDirectory(path=folder),
    )


def secret_file(name: str, folder: str) -> secret_pb2.Secret:
    """What an SDS file holds: `write(discovery([secret_file(...)]))`."""
    return secret_pb2.Secret(name=name, tls_certificate=file_certificate(folder))


def secret_source(name: str, path: str) -> secret_pb2.SdsSecretConfig:
    """Where a TLS context finds the secret `name`: an SDS file."""
    return secret_pb2.SdsSecretConfig(name=name, sds_config=file_source(path))


def downstream_tls(
    secret: secret_pb2.SdsSecretConfig, *, protocols: Sequence[str] = ("h2", "http/1.1")
) -> tls_pb2.DownstreamTlsContext:
    """A server's TLS: certificate by SDS, so that a new one needs no restart."""
    return tls_pb2.DownstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=TLS_PARAMETERS, alpn_protocols=protocols, tls_certificate_sds_secret_configs=[secret]
        )
    )


def upstream_tls(
    server_name: str, ca_file: str, *, certificate: secret_pb2.SdsSecretConfig | None = None
) -> tls_pb2.UpstreamTlsContext:
    """A client's TLS: the server shows a certificate of this CA file for `server_name`; ours is shown where given."""
    common = tls_pb2.CommonTlsContext(
        tls_params=TLS_PARAMETERS,
        validation_context=common_pb2.CertificateValidationContext(
            trusted_ca=base_pb2.DataSource(filename=ca_file),
            match_typed_subject_alt_names=[_san(server_name)],
        ),
    )
    if certificate is not None:
        common.tls_certificate_sds_secret_configs.append(certificate)
    return tls_pb2.UpstreamTlsContext(sni=server_name, common_tls_context=common)


def _san(name: str) -> common_pb2.SubjectAltNameMatcher:
    found = common_pb2.SubjectAltNameMatcher(san_type=common_pb2.SubjectAltNameMatcher.DNS)
    found.matcher.exact = name
    return found


def json_access_log(
    fields: Mapping[str, str], only: accesslog_pb2.AccessLogFilter | None = None
) -> accesslog_pb2.AccessLog:
    """Lines of JSON on stdout, of all requests or of those that `only` lets through."""
    log = stream_pb2.StdoutAccessLog(log_format=json_format(fields))
    return accesslog_pb2.AccessLog(name="envoy.access_loggers.stdout", typed_config=pack(log), filter=only)
