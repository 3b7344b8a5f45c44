"""Is a taxonomy worth having? ``python -m experiments.worth CONFIG.yaml [key=value …]``."""

from experiments.worth.command import command

if __name__ == "__main__":
    command(prog_name="python -m experiments.worth")
