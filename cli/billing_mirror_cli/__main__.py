"""``python -m billing_mirror_cli`` is ``billing-mirror``."""

from .app import main

main()
