"""Policy pack: every control that claims an article of the GDPR."""

from policies.control import Framework
from policies.pack import build

build("payment-cell-gdpr", Framework.GDPR)
