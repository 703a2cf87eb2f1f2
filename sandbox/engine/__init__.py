"""Finds or builds the real programs that the sandbox runs, and hosts Python programs for the engine.

`bootstrap`, `tools`, `golang`, `installer` and `cache` use the standard library only: they run before anything is installed.
"""
