"""CARs, versions 1 and 2: files and streams of blocks."""

from cid_store.car.errors import (
    BadCarHeader,
    BadIndex,
    BadSection,
    NotSeekable,
    SectionTooLarge,
    TruncatedCar,
    ZeroLengthSection,
)
from cid_store.car.format import MAX_HEADER, MAX_SECTION, HeaderV2, car_size
from cid_store.car.index import (
    INDEX_SORTED,
    MULTIHASH_INDEX_SORTED,
    Index,
    IndexEntry,
    entries_of,
    read_index,
    write_index,
)
from cid_store.car.reader import CarReader, open_car
from cid_store.car.section import Section
from cid_store.car.split import split_car
from cid_store.car.transfer import ImportReport, export_car, import_car
from cid_store.car.verify import CarReport, verify_car
from cid_store.car.writer import CarSummary, index_car, write_car, write_car_v2

__all__ = [
    "INDEX_SORTED",
    "MAX_HEADER",
    "MAX_SECTION",
    "MULTIHASH_INDEX_SORTED",
    "BadCarHeader",
    "BadIndex",
    "BadSection",
    "CarReader",
    "CarReport",
    "CarSummary",
    "HeaderV2",
    "ImportReport",
    "Index",
    "IndexEntry",
    "NotSeekable",
    "Section",
    "SectionTooLarge",
    "TruncatedCar",
    "ZeroLengthSection",
    "car_size",
    "entries_of",
    "export_car",
    "import_car",
    "index_car",
    "open_car",
    "read_index",
    "split_car",
    "verify_car",
    "write_car",
    "write_car_v2",
    "write_index",
]
