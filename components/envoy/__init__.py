"""Envoy's configuration, built from its own protobuf messages."""
