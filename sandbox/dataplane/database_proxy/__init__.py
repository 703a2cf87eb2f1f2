"""RDS Proxy for one machine: ends TLS, checks IAM tokens, lends server connections for a transaction.

`python -m sandbox.dataplane.database_proxy CONFIG` is one process for the proxies of one cell's network; it needs the
standard library only. docs/data-plane-databases.md says what is as on AWS and what is not.
"""
