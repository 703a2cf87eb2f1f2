"""Reports of an audit: a module a format, each a pure function over ``Audit``."""
