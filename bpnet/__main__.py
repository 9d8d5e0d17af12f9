"""Run bpnet as `python -m bpnet`."""

from bpnet.cli.main import main

if __name__ == "__main__":
    main()
