"""``python -m vaeprivacy``: the command, of the Python that one means."""

from vaeprivacy.cli.app import app

if __name__ == "__main__":
    app(prog_name="vaeprivacy")
