"""Rules, sequences, claims: what in the activity is a behaviour worth reporting."""
