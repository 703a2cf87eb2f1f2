"""The audit as OSCAL: catalogue, mappings, profile, component, plan, results and what is left to do, as JSON files that
refer to each other. ``write`` validates each with compliance-trestle's models; a module here makes one document."""

from operations.audit.report.oscal.folder import read_counts, write

__all__ = ["read_counts", "write"]
