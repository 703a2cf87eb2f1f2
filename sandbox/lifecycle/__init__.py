"""The life of one sandbox: its folder, its processes, its environment. `python -m sandbox` is the way in."""
