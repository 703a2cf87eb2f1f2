"""``python -m sandbox.aws.provider``: serve the provider on a free loopback port and print the port, as the engine
expects of a plugin.
"""

import gc
import os
import signal
import sys
import threading
from concurrent import futures

import grpc

from sandbox.aws.provider.servicer import AwsProvider
from sandbox.aws.provider.wire import provider_pb2_grpc

WORKERS = 96
"""Threads: more than the 64 resource operations that run at once, so that checks and diffs need not wait for slow
creations.
"""

MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""Pulumi's own limit of a message."""

ORPHAN_POLL_S = 1.0
"""Seconds between two looks at whether the engine still lives: killed alone, it leaves its plugins behind."""

FINISH_S = 4.0
"""Seconds for operations in flight; the engine kills a plugin 5 s after it asked it to end."""

COLLECT_AFTER = 100_000
"""Objects between two collections: botocore's models are large, and looking through them 700 objects apart is slow."""


def main() -> None:
    """Serve until the engine ends the process, or has gone itself."""
    engine = os.getppid()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(WORKERS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # The engine ends a plugin with SIGINT, and kills it 5 s later; Ctrl-C reaches the engine's process group, not
    # its plugins'.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(ORPHAN_POLL_S) and os.getppid() == engine:
        pass
    server.stop(grace=FINISH_S).wait()


if __name__ == "__main__":
    main()
