"""One module per way of running things; each offers an `adapter` with three verbs.

Others add theirs by the entry point group `roguewatch.adapters`. Siblings: they do not
import each other.
"""
