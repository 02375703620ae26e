"""Sigma rules: read by pySigma, compiled to a matcher of ours, correlated in bounded state."""
