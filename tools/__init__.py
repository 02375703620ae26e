"""Scripts for those who work on roguewatch; nothing here is installed."""
