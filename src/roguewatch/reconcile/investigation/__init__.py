"""The reconstruction of one deployment's activity: a timeline, what it touched, what is missing."""
