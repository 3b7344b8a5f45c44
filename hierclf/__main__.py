"""``python -m hierclf`` is the command line."""

from hierclf.cli import main

if __name__ == "__main__":
    main()
