"""UnixFS: files, directories and symlinks as DAGs.

Adding: `add_file`, `add_tree`; naming without storing: `cid_of`, `measure_tree`. Reading: `open_file`,
`resolve`, `ls`, `stat`; writing to disk: `export_tree`. A store that keeps files in its own way builds the
nodes above its leaves with `FileBuilder` (see `build`) and subclasses `FileReader` (see `reader`).
"""

from cid_store.unixfs.build import Built, FileBuilder, leaf, leaf_frame, small_file, stream_file
from cid_store.unixfs.data import Metadata, Mtime
from cid_store.unixfs.export import ExportOptions, ExportReport, export_tree
from cid_store.unixfs.listing import Listed, Stat, ls, stat
from cid_store.unixfs.paths import resolve
from cid_store.unixfs.profiles import PROFILES, V0_2015, V1_2025, Profile
from cid_store.unixfs.reader import DagReader, FileReader, open_file
from cid_store.unixfs.tree import AddOptions, add_file, add_tree, cid_of, measure_tree

__all__ = [
    "PROFILES",
    "V0_2015",
    "V1_2025",
    "AddOptions",
    "Built",
    "DagReader",
    "ExportOptions",
    "ExportReport",
    "FileBuilder",
    "FileReader",
    "Listed",
    "Metadata",
    "Mtime",
    "Profile",
    "Stat",
    "add_file",
    "add_tree",
    "cid_of",
    "export_tree",
    "leaf",
    "leaf_frame",
    "ls",
    "measure_tree",
    "open_file",
    "resolve",
    "small_file",
    "stat",
    "stream_file",
]
