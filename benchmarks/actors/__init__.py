"""Who plays beside Samband in a benchmark: visitors, a mail server, and those who do it bare.

What is timed with a clock of its own runs as a program of its own, so that
neither the one who measures nor Samband shares its process.
"""
