"""Policy, decision, approvals, leases, stop, drills."""
