"""The IPFS pinning service API 1.0.0 on a provider: who asks by a token, a queue, and a fetch behind it.

docs/spec/pinning.md says what it answers. Only origins of the settings are ever fetched from.
"""
