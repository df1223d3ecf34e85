"""Benchmarks: how fast Samband is, each figure beside what the machine itself can do.

A figure alone says little about a program and much about a machine. So each is
measured together with its limit, taking turns in one run; the ratio of the two
has a target. Of most the limit is the same work done by hand with nothing but
the client libraries, and the ratio is what Samband costs; of growth it is
Samband with less to do, and of memory a budget. One module is one benchmark and says what it
measures, against what, and why that is honest. `frame/` is what they share.

`python -m benchmarks --help` tells how to run them.
"""
