"""Moves the writing of a pair from one cell to the other: failover, switchover, failback, and what is going on."""
