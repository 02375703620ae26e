"""The routine watch of processes: what a deployment leaves running, and what it plants.

Sampled from `/proc` by anybody; as root the kernel's own news of forks and of written files
make lineage and authorship exact. Nothing is told of a process that does not carry a run's
marks.
"""
