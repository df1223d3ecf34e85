"""Entry point of `samband` and of `python -m samband_local`."""

from __future__ import annotations

from samband_local.cli import main

if __name__ == "__main__":
    main()
