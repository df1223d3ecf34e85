"""Supervisor: runs the parts of one process together and ends them together.

`process` starts and stops, `http_server` listens, `jobs` repeats. A part that
fails takes the whole process with it: half a process that looks alive is
worse than one that is started again.
"""
