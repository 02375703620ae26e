"""What agents did, put together from every record of it, and what those records lack."""
