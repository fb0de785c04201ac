"""Many pieces of work at once: on the cores of this machine, or on a cluster of Dask's.

Knows nothing of videos: it is given pieces that can travel to another process, and a function
that does one; it gives back what became of each, as it ends. A worker that is lost costs the piece
it was at, which is tried again, a few times.
"""
