"""Stop a deployment and prove it: freeze, preserve, kill, sweep, and probe independently.

The order is that of the design: deny, revoke, cut egress, freeze (so that nothing
respawns while it is being killed), preserve evidence, kill, sweep for what was left
behind, then verify with probes that do not trust the stopper.
"""
