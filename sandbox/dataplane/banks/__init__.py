"""Banks of the sandbox: one process that is every bank, each at a loopback address of its own, over TLS.

banks = Banks(folder, tell)
banks.reconcile({"api.bank.example"})       starts the process, or makes it serve these
banks.endpoints()                           {"api.bank.example": ("127.9.0.1", 40001)}
banks.fault("api.bank.example", "hang")     until .fault("api.bank.example", None)
banks.effects("api.bank.example")           {reference: payments booked}: each is 1, or a payment was doubled
banks.ca_file                               who certified the banks: in place of the image's authorities
"""

from sandbox.dataplane.banks.manager import Banks, BanksError

__all__ = ["Banks", "BanksError"]
