"""The ``vaeprivacy`` command, one file a group of sub-commands."""
