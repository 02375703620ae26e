"""Horizons, rates, monitor curves, awareness, extrapolation, with intervals."""
