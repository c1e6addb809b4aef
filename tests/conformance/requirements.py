"""What the specifications demand of a gateway that serves blocks and CARs, and the tests that hold it.

Source: the trustless gateway and the path gateway specification, both of 2026-03-05, in words of our own.
What they say of deserialised answers, of names under /ipns/ and of fetching from others is no provider's.
"""

from __future__ import annotations

from dataclasses import dataclass

_SUITE = "conformance/test_gateway_suite.py::test_the_suite"
_HERE = "conformance/test_gateway_specification.py::"
_UNIT = "unit/test_gateway.py::"
_SERVICES = "unit/test_gateway_services.py::"


@dataclass(frozen=True)
class Requirement:
    """A demand. `level` is the specification's word for it; `tests` are below `tests/`."""

    level: str
    says: str
    tests: tuple[str, ...]


def _must(says: str, *tests: str) -> Requirement:
    return Requirement("must", says, tests)


def _should(says: str, *tests: str) -> Requirement:
    return Requirement("should", says, tests)


REQUIREMENTS = (
    # what is asked
    _must("blocks are given for `application/vnd.ipld.raw`", _SUITE),
    _should("CARs are given for `application/vnd.ipld.car`", _SUITE),
    _should("`format` counts before Accept, `car-*` before the parameters of Accept", _SUITE),
    _should("without `format` and Accept: 400", _UNIT + "test_negotiation"),
    _should("a variant of CAR that is not given: 400 or 406", _UNIT + "test_negotiation"),
    _must(
        "HEAD is answered as GET is, without a body",
        _HERE + "test_head_is_get_without_a_body",
        _HERE + "test_a_range_has_a_meaning_for_get_alone",
    ),
    _must(
        "`Service-Worker: script` for a whole root: 400",
        _HERE + "test_no_worker_is_registered_for_a_whole_root",
    ),
    _must("an IPNS record asked of content: 400", _HERE + "test_records_of_names_are_not_of_content"),
    _should(
        "one range of a block is served; of several, the first may do",
        _SUITE,
        _UNIT + "test_ranges_of_a_block",
    ),
    # which blocks
    _must("a block's bytes match its CID", _HERE + "test_a_block_is_what_its_cid_says"),
    _must(
        "a CAR holds the blocks of the path and of `dag-scope`",
        _SUITE,
        _UNIT + "test_published_block_orders",
        _UNIT + "test_dag_cbor_by_path_and_scope",
    ),
    _must(
        "`entity-bytes` of a file: no block more than the range takes", _SUITE, _UNIT + "test_bytes_of_a_file"
    ),
    _must(
        "`entity-bytes` of what is no array of bytes is ignored",
        _SUITE,
        _UNIT + "test_bytes_of_what_has_none_are_ignored",
        _UNIT + "test_dag_cbor_in_a_folder",
    ),
    _must(
        "`entity-bytes` partly outside: the blocks of what is inside", _SUITE, _UNIT + "test_bytes_of_a_file"
    ),
    _must(
        "`entity-bytes` of no bytes: as `dag-scope=block`",
        _UNIT + "test_an_empty_range_shows_the_root",
        _HERE + "test_bytes_before_the_beginning_show_the_root",
    ),
    _should(
        "`entity-bytes` wholly behind the end: 400",
        _UNIT + "test_ranges_that_can_not_be",
        _HERE + "test_bytes_of_a_file_of_one_raw_block",
    ),
    _must(
        "`dups=y`: each block each time; `dups=n`: once",
        _SUITE,
        _UNIT + "test_blocks_that_stand_twice_in_a_folder",
        _HERE + "test_bytes_of_a_file_whose_blocks_repeat",
    ),
    _must("blocks inside identity CIDs never come", _SUITE, _UNIT + "test_identity_blocks_are_not_in_cars"),
    _must(
        "a CAR's header states the version of Content-Type",
        _HERE + "test_the_version_in_a_car_is_the_one_that_is_said",
    ),
    # headers
    _must(
        "Content-Type is there, for a CAR with version, order and dups, asked for or not",
        _UNIT + "test_a_car",
        _SUITE,
    ),
    _must(
        "Content-Disposition is `attachment`, named by the CID or by `filename`", _SUITE, _UNIT + "test_a_car"
    ),
    _must("a name beyond ASCII comes in ASCII and in UTF-8", _HERE + "test_names_in_ascii_and_in_utf_8"),
    _should(
        "Content-Location where Accept chose, or said otherwise",
        _HERE + "test_the_url_of_what_accept_spoke_of",
    ),
    _must(
        "an Etag, which tells scopes, byte ranges and forms apart",
        _UNIT + "test_etags_tell_apart_what_differs",
    ),
    _must(
        "If-None-Match with it: 304 without a body",
        _UNIT + "test_etags_tell_apart_what_differs",
        _HERE + "test_not_modified_says_what_would_have_been_said",
    ),
    _must(
        "`Cache-Control: public, max-age=29030400, immutable`", _UNIT + "test_a_block", _UNIT + "test_a_car"
    ),
    _should("`nosniff`; `Accept-Ranges: none` with CARs", _SUITE),
    _should(
        "X-Ipfs-Path, and X-Ipfs-Roots with a CID for each part of the path",
        _UNIT + "test_a_path_to_a_block",
        _HERE + "test_roots_are_one_for_each_part_of_a_path",
    ),
    # what can't be served
    _must(
        "a root that is not held: 404, by GET and HEAD, as block and CAR",
        _HERE + "test_a_root_that_is_not_held",
    ),
    _should(
        "the same with `only-if-cached`: 412",
        _HERE + "test_a_root_that_is_not_held",
        _UNIT + "test_only_what_is_held",
    ),
    _should("a name that is not there: 404, and which", _HERE + "test_what_is_missing_on_a_path_is_named"),
    _should("a root that is no CID: 400", _UNIT + "test_refusals"),
    _should(
        "a child that is missing ends the stream",
        _UNIT + "test_a_missing_child_breaks_the_stream_after_all_before_it",
    ),
    _should(
        "too many requests: 429 with Retry-After",
        _SERVICES + "test_more_than_the_limit_is_told_to_come_again",
    ),
    _should(
        "500 for faults of the server only", _SERVICES + "test_a_failing_store_is_told_without_where_it_lies"
    ),
    _should(
        "the probe `bafkqaaa`: 200, empty as a block, root of a CAR",
        _UNIT + "test_the_probe",
        _HERE + "test_a_range_of_nothing_is_nothing",
    ),
)
