"""Emulated AWS of the sandbox: emulator, provider, table of resource types, preconditions."""
