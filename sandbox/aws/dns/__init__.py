"""Route 53 as clients see it: which health checks are healthy, and what a name resolves to.

The data plane makes the requests of health checks and says here what it saw (`exchange`).
"""
