"""Operator's commands of this service: `python -m samband_networks --help`."""

from samband_kit.operating import operator_cli

from samband_networks.main import SERVICE

if __name__ == "__main__":
    operator_cli(SERVICE)()
