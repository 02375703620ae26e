"""What the agent said it achieved, against what its tools show."""

from roguewatch.detect.claims.detector import ClaimsDetector

__all__ = ["ClaimsDetector"]
