"""Findings for other systems: SARIF, OCSF, JSON lines."""
