"""The ``vaeprivacy`` command, one file a sub-command. What computes is imported when needed, so help comes at once."""
