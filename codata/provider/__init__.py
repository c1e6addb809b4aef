"""A provider: one HTTP process on a store that hands out blocks and CARs, and says what it holds.

docs/spec/provider.md says what it answers; docs/decisions/0015-provider.md says on what it is built.
Needs the extra `provider`.
"""
