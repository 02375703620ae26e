"""What happened in a sample, established outside the agent's reach."""
