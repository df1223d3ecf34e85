"""`python -m samband_notifications`: serve, consume, send, and the operator's commands."""

from samband_kit.operator import operator_cli

from samband_notifications.main import SERVICE

if __name__ == "__main__":
    operator_cli(SERVICE)()
