"""The payments API, the settler that finishes what it left open, and the migrator that makes its tables."""
