"""Tasks on a provider: who may ask for what, a queue, processes that perform, and seals over what they claim.

docs/spec/tasks.md says what is answered; docs/decisions/0020-provider-tasks.md says why it is so.
"""
