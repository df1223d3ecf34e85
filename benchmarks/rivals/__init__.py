"""Rivals: the same done without Samband's kit, as processes of their own.

Each is as small as it can be while it still keeps what it must; what it does
not keep, its docstring says.
"""
