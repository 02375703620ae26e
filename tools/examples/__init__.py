"""The example activity: stories, and one writer for each format."""
