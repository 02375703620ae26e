"""A deployment extrapolated: monitors, audits, latency, red-team strategies; what they give."""
