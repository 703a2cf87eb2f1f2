"""Finds or builds the real programs that the sandbox runs, and hosts Python programs for the engine.

`bootstrap` and what it imports use the standard library only: they run before anything is installed.
"""
