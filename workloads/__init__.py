"""Reference programs for the contracts of a cell: each small, each replaceable by a user's own image."""
