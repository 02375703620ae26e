"""What runs here and what the ledger saw, against the register."""
