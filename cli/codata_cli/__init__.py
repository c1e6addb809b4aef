"""The command line: parses and prints. Everything it does is in `codata` and `cid_store`."""
