"""Policy pack: every control that claims a Trust Services Criterion."""

from policies.control import Framework
from policies.pack import build

build("payment-cell-soc2", Framework.SOC2)
