"""The evidence: append, seal, prove, verify, query."""
