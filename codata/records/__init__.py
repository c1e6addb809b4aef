"""Records: what is claimed about data, as DAG-CBOR blocks. Specified in docs/spec/records.md with golden
CIDs."""
