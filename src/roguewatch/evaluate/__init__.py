"""Scenarios, organisms and the sandbox, on Inspect AI."""
