"""Bytes by CID: codecs, UnixFS, CAR, stores, pieces."""
