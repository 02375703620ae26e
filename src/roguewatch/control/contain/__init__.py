"""Containment: what runs inside can write its project, reach its relays, and nothing else.

The walls, from outside in: an identity of its own (`identity`), a staged view of the
file system (`stage`), namespaces and a read-only system (`bubblewrap`), a system call
filter (`seccomp`), limits on processes and memory (`cgroup`), one way out (`egress`).
What a machine cannot enforce is said (`Wall`), never passed over.
"""
