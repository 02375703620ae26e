"""Drills: harmless rogues, started by many routes, stopped for real, and counted.

A drill acts only inside its scope, a folder that somebody has authorised by a marker.
"""
