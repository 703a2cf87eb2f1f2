"""For each control one resource that violates it and no other control, `<control>-bad`, beside a healthy one. Every
module of this folder with a `declare` says some."""

import importlib
import pkgutil
from pathlib import Path

for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if module.name not in ("__main__", "marks"):
        importlib.import_module(module.name).declare()
