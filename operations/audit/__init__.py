"""``cell audit``: the controls asked of a preview, a state and the live account, reconciled, reported and kept as
evidence."""
