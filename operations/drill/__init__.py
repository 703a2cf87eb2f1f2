"""Drills: what a disaster would do, done on purpose and measured from outside."""
