"""The cheating review: every success is scored 0 to 10, and people decide from 3 on."""
