"""What each agent's hooks say and understand: one module per agent, all siblings.

A module offers `agent`, an `Agent` (see `hook.py`): it turns a hook's JSON into an event,
says whether an answer is awaited, and turns a decision into what that agent obeys.
"""
