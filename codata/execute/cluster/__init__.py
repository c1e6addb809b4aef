"""Work on an existing Dask cluster: machines that trust each other, with a store each or one for all.

Tasks go to the workers that hold most of what they read; what a worker lacks comes from other workers, block
by block over Dask's own connections, each proven. No table passes through the scheduler.
"""

from codata.execute.cluster.executor import Cluster

__all__ = ["Cluster"]
