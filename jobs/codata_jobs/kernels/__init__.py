"""Hot loops over Arrow buffers, compiled in process by numba: integers and exact float operations only.

What they give does not depend on the CPU: nothing is vectorised by hand, reordered or rounded. Every kernel
is a plain function of arrays; `compiled` is the one place that knows numba. Importing a module here needs the
extra `text`; steps do so when they run, not when they are registered.
"""
