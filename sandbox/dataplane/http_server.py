"""The HTTP server of what programs of cells ask on this machine."""

from http.server import ThreadingHTTPServer


class HttpServer(ThreadingHTTPServer):
    """A thread a connection. All programs ask at the same moments, when a cell starts and when spans are exported:
    with Python's five connections that may wait, the others came a second later."""

    request_queue_size = 128
