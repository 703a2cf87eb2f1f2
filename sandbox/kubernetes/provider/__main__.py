"""`pulumi-resource-kubernetes`: serve on a free loopback port and print it, as the engine expects of a plugin."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.kubernetes.provider.service import MESSAGE_BYTES, Provider

PARALLEL = 80
"""Threads: 64 operations at once, and room for the engine's own questions."""

ORPHAN_POLL_S = 1.0
FINISH_S = 4.0
"""Seconds for operations in flight after the engine asked to end."""


def main(arguments: list[str]) -> None:
    parent = os.getppid()
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=PARALLEL), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(addresses[0] if addresses else None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # How the engine ends a plugin: SIGINT, and SIGKILL 5 s later. Operations in flight are finished first. (An
    # interrupt at the terminal goes to the engine's process group, not to its plugins'.)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(port, flush=True)
    # An engine that was killed ends nobody. A parent-death signal would not do: it follows the thread that forked, and
    # the engine's threads come and go.
    while os.getppid() == parent and not stop.wait(ORPHAN_POLL_S):
        pass
    server.stop(grace=FINISH_S).wait()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
