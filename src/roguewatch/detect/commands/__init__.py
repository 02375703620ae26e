"""What a shell command does: parsed, unwrapped, decoded."""
