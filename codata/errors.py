"""The errors of this package, on the root that `cid_store` shares: each carries an exit code and what to do
next."""

from __future__ import annotations

from cid_store.errors import CidStoreError, DecodeError, UsageError


class BadRecord(DecodeError):
    """A record that its specification rejects."""

    exit_code = 3
    default_next = "the record was not written by codata, or was changed; get it again from who made it"


class JobError(UsageError):
    """A job that can't be run as written."""

    default_next = "correct the job; `codata jobs --steps` lists the steps and their parameters"


class UnknownStep(JobError):
    """A step or operation that is not known here, or not in this version."""

    exit_code = 5
    default_next = "install the package that brings this step, or a version of codata that has it"


class ParameterError(JobError):
    """A step's parameter is missing, unknown or wrong."""


class MissingColumn(JobError):
    """A step names a column that its input does not have."""


class TaskFailed(CidStoreError):
    """A task did not finish; what others finished is kept."""

    default_next = "mend the cause and run the same command again: what was finished is not done again"


class OutOfResources(TaskFailed):
    """A task that this machine was too small for, which says nothing about the task."""

    default_next = "use fewer workers (--workers), or a machine with more memory, and run it again"


class NotCheckable(CidStoreError):
    """A claim that can't be checked on this machine."""

    exit_code = 5


class FalseClaim(CidStoreError):
    """A record, signature or result that is not what it claims to be."""

    exit_code = 3
    default_next = "do not use this result; ask whoever published it"


class HomeError(CidStoreError):
    """The home folder can't be used."""


class UnknownName(UsageError):
    """A name that this home does not know."""

    default_next = "`codata ls` lists the names"


class UnsupportedType(UsageError):
    """A column's type has no canonical form."""

    default_next = "cast the column to a type that the table specification lists, or drop it"


class InvalidSchema(UsageError):
    """Columns that can't be a table: names missing or repeated, too many, or nested too deep."""

    default_next = "rename or select columns before adding the data"


class InvalidTable(CidStoreError):
    """Values that their column's canonical type can't hold, or arrays that contradict themselves."""

    default_next = "correct the values named here, or cast the column to a wider type"


class MalformedTable(DecodeError):
    """Bytes that are not a table as `docs/spec/table.md` writes one."""


class EngineMismatch(NotCheckable):
    """The installed pyarrow writes other bytes than the specification fixes."""

    default_next = "install a pyarrow version that codata was released with"


class MalformedInput(CidStoreError):
    """A source file that does not follow its format."""

    exit_code = 4
    default_next = "correct the file at the place named here, or choose another --format"


class TypeConflict(CidStoreError):
    """Values of one column that have no common type."""

    default_next = "make the values one type, or declare the column's type in a --schema file"


class LossyInteger(TypeConflict):
    """An integer that its column's type would change."""

    default_next = (
        "declare the column in a --schema file: float64 to accept rounding, or uint64, decimal, string"
    )


class UnfitValue(TypeConflict):
    """A value that its column's declared type can't hold."""

    default_next = "correct the value, or declare a wider type in the --schema file"


class UnknownColumn(UsageError):
    """A --schema file declares a column that the input does not have."""

    default_next = "correct the column's name in the --schema file, or remove it there"


class BadSchemaFile(UsageError):
    """A --schema file that can't be read."""

    default_next = "write one line per column, such as `id: int64`; docs/spec/ingest.md lists the types"


class InputRefused(UsageError):
    """Paths that can't be added as they are."""
