"""Programs that scenarios put into the sandbox; standard library only."""
