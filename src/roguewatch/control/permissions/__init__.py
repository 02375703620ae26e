"""What a deployment was granted against what it used: the least-privilege gap."""
