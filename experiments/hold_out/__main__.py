"""Run a hold-out experiment: ``python -m experiments.hold_out CONFIG.yaml [key=value …]``."""

from experiments.hold_out.command import command

if __name__ == "__main__":
    command(prog_name="python -m experiments.hold_out")
