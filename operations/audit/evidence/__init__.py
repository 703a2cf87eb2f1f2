"""The evidence of an audit: what was asked and answered, chained, signed, and verified by whoever does not trust us."""
