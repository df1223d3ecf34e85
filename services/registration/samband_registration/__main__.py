"""Operator's commands of this service: `python -m samband_registration --help`."""

from samband_registration.commands import command_line

if __name__ == "__main__":
    command_line()()
