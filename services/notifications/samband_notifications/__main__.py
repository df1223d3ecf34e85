"""Operator's commands of this service: `python -m samband_notifications --help`."""

from samband_kit.operating import operator_cli

from samband_notifications.main import SERVICE

if __name__ == "__main__":
    operator_cli(SERVICE)()
