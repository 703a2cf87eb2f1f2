"""Tags of the resources."""

QUIET = {"payment-cell:data-class": "internal", "payment-cell:environment": "development"}
"""Tags of what is to be judged by one control only: without a class a store counts as personal, without an environment
as production."""

EU = {**QUIET, "payment-cell:jurisdiction": "eu"}
OURS = {**QUIET, "payment-cell:cell": "ours"}
