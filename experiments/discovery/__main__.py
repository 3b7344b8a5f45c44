"""Run a discovery experiment: ``python -m experiments.discovery CONFIG.yaml [key=value …]``."""

from experiments.discovery.command import command

if __name__ == "__main__":
    command(prog_name="python -m experiments.discovery")
