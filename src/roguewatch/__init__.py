"""roguewatch: what your AI agents did, and whether you can stop them."""

__version__ = "0.1.0.dev0"
