"""The sandbox's data plane: runs what the Deployments of emulated clusters declare, as processes of this machine.

`python -m sandbox.dataplane <home> <emulator port>`; the supervisor starts it beside the emulator. docs/data-plane.md.
"""
