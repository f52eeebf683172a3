"""``python -m gateway.cli`` is ``rvos``."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
