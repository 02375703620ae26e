"""One module per format: bytes in, events out, with counts of what was not understood.

`source.py` says what a source is; `reading.py` walks paths, recognises formats from
content and reads them. The format modules are siblings found by the entry point
group `roguewatch.sources` and never import each other.
"""
