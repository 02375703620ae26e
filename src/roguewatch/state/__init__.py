"""The register, decisions, leases, reviews, drills and findings: what may change."""
