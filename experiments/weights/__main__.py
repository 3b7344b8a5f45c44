"""What do weights buy? ``python -m experiments.weights CONFIG.yaml [key=value …]``."""

from experiments.weights.command import command

if __name__ == "__main__":
    command(prog_name="python -m experiments.weights")
