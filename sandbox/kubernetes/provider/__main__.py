"""`pulumi-resource-kubernetes`: serve on a free loopback port and print it, as the engine expects of a plugin."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.kubernetes.provider.service import MESSAGE_BYTES, Provider

PARALLEL = 80
"""Threads: 64 operations at once, and room for the engine's own questions."""


def main(arguments: list[str]) -> None:
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=PARALLEL), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(addresses[0] if addresses else None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The engine ends its plugins itself after an interrupt; until then operations in flight are finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1:])
