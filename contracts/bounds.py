"""Bounds that several programs on a payment's way keep."""

MAX_BODY_BYTES = 32 * 1024
"""Of a request: a payment with everything has under 16 KiB. One number for gateway, scorer and API: what is scored is
what the API reads, and what the API would refuse is never scored."""
