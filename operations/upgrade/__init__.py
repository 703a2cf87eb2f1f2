"""`cell upgrade`: from the versions that a cell runs to others, in steps that each can fail and be repeated.

running.py     what runs, read from the state
steps.py       which steps lead to the wanted versions: pure
checks.py      what stands in the way: removed APIs, PodDisruptionBudgets: pure
live.py        what the cluster's API server says
apply.py       plan, show, consent, act
"""
