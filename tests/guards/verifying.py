"""The faults of archives: damaged by accident, or made on purpose."""

from __future__ import annotations

from .guard import Fault, Group, Guard, Text
from .how import false, gives, gone, then, unheeded

REFUSED = "refused by name before anything is switched; nothing is written outside"
BOUNDED = "refused in less than a second, in memory that the manifest bounds"

VERIFYING = Group(
    "Verifying",
    (
        Fault(
            "an archive is cut off at any byte",
            REFUSED,
            (
                Guard(
                    "stream-cut-off",
                    gone,
                    "artifact/test_codec.py::"
                    "test_a_stream_cut_off_anywhere_but_between_members_is_refused",
                ),
                Text(
                    "artifact/tar/ustar.py",
                    '        raise ArtifactError("the tar inside is cut off")',
                    '        return data.ljust(size, b"\\0")',
                    "artifact/test_tar.py::test_a_tar_cut_off_anywhere_is_refused",
                ),
                Text(
                    "artifact/zip/stream.py",
                    'raise ArtifactError(f"{shown(name)}: is cut off" if name else "is cut off")',
                    'return data.ljust(size, b"\\0")',
                    "artifact/zip/test_reader.py::test_a_zip_cut_off_at_any_byte_is_refused",
                ),
            ),
        ),
        Fault(
            "a bit of an archive is flipped, at any byte",
            REFUSED,
            (
                Guard(
                    "gzip-header",
                    false,
                    "artifact/test_codec.py::test_a_header_with_a_time_or_a_name_is_refused",
                ),
                Guard(
                    "zstd-header",
                    then,
                    "artifact/test_codec.py::test_frames_of_other_makers_are_refused",
                ),
                Guard(
                    "digest-of-a-member",
                    false,
                    "artifact/test_verify.py::test_a_member_that_differs_is_told",
                ),
                Guard(
                    "crc-of-a-zip-member",
                    gone.at("test.left.elts.1") & gone.at("test.comparators.0.elts.1"),
                    "artifact/zip/test_spelling.py::test_a_stored_content_that_is_damaged_is_refused",
                ),
                Guard(
                    "sum-that-differs",
                    false,
                    "artifact/test_sidecars.py::test_a_sum_that_differs_is_told",
                ),
                Guard(
                    "index-of-another-archive",
                    false,
                    "installer/test_stage.py::test_an_index_of_another_archive_is_told",
                ),
            ),
            ("builder/test_deb.py::test_a_bit_flipped_at_any_byte_of_a_release_is_told",),
        ),
        Fault(
            "something follows the archive, or lies before it or between its members",
            REFUSED,
            (
                Guard(
                    "after-the-end-of-a-tar",
                    gone.at("test.values.1"),
                    "artifact/hostile/test_members.py::test_chunks_after_the_end_are_refused",
                ),
                Guard(
                    "tar-padding",
                    unheeded,
                    "artifact/test_tar.py::test_nothing_hides_in_the_padding",
                ),
                Guard(
                    "zeros-after-a-content",
                    gone.at("test.operand.values.1"),
                    "artifact/test_proof.py::test_nothing_but_zeros_follows_a_content",
                ),
                Guard(
                    "empty-compressed-member",
                    false,
                    "artifact/test_codec.py::test_a_member_of_nothing_is_refused",
                ),
                Guard(
                    "too-many-chunks",
                    gone,
                    "artifact/test_proof.py::test_a_chunk_too_few_or_too_many_is_not_proved",
                ),
                Guard(
                    "after-the-end-of-a-zip",
                    unheeded,
                    "artifact/hostile/test_members.py::"
                    "test_an_archive_after_an_archive_is_refused[zip]",
                ),
                Guard(
                    "between-zip-members",
                    gone,
                    "artifact/hostile/test_members.py::test_bytes_between_members_are_refused",
                ),
                Guard(
                    "after-the-end-of-a-deb",
                    gone.at("test.left.args.0.right"),
                    "artifact/deb/test_reader.py::test_a_file_behind_the_end_is_refused",
                ),
            ),
        ),
        Fault(
            "a script of a deb is another than was built, or lies where none does; another version"
            " of the tool spelt it",
            "refused; or sound all the same, and `doit verify` tells that it is not this version's",
            (
                Guard(
                    "deb-control",
                    gone.at("test.values.1"),
                    "artifact/deb/test_reader.py::test_control_that_disagrees_is_refused",
                ),
                Guard(
                    "extra-files-of-a-deb",
                    gone.at("test.values.1"),
                    "artifact/deb/test_reader.py::test_another_file_of_the_system_s_is_refused",
                ),
                Guard(
                    "places-in-a-deb",
                    gone,
                    "artifact/deb/test_reader.py::test_a_manifest_adds_nothing_that_no_package_has",
                ),
                Guard(
                    "other-scripts-of-a-deb",
                    gone.at("value.values.1"),
                    "builder/test_prove.py::"
                    "test_scripts_of_another_version_are_sound_and_not_what_this_one_spells",
                ),
            ),
        ),
        Fault(
            "a member is missing, added, there twice, or out of order",
            REFUSED,
            (
                Guard(
                    "missing-members",
                    gives(()),
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[missing-tar.gz]",
                ),
                Guard(
                    "strange-members",
                    gone,
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[extra-zip]",
                ),
                Guard(
                    "strange-members",
                    gone,
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[twice-tar.gz]",
                ),
                Guard(
                    "members-in-order",
                    false,
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused"
                    "[out of order-tar.gz]",
                ),
                Text(
                    "artifact/zip/reader.py",
                    'raise ArtifactError(f"{shown(name)}: the central directory does not list it")',
                    "return",
                    "artifact/hostile/test_members.py::"
                    "test_a_member_that_only_the_central_directory_knows_is_refused",
                ),
            ),
        ),
        Fault(
            "the manifest is altered, exchanged, or not where it should be",
            REFUSED,
            (
                Guard(
                    "canonical-line",
                    false,
                    "artifact/test_canonical.py::test_any_other_spelling_is_refused",
                ),
                Guard(
                    "manifest-where-it-should-be",
                    false,
                    "artifact/test_verify.py::"
                    "test_a_manifest_that_is_not_where_it_should_be_is_refused",
                ),
                Guard(
                    "manifest-lists-in-order",
                    gone.at("value.values.0"),
                    "artifact/test_manifest.py::test_each_path_stands_once_and_in_order",
                ),
                Guard(
                    "sound-manifest",
                    gone.at("test.operand.values.2"),
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "entries-in-order",
                    false,
                    "artifact/test_manifest.py::test_each_path_stands_once_and_in_order",
                ),
                Guard(
                    "sidecar-manifest",
                    false,
                    "artifact/test_sidecars.py::test_another_manifest_beside_the_archive_is_told",
                ),
                Guard(
                    "manifest-of-its-release",
                    gone.at("test.values.1"),
                    "installer/test_inspection.py::test_a_damaged_manifest_is_told",
                ),
            ),
        ),
        Fault(
            "negative sizes, numbers that are none, records of PAX without end, sparse claims",
            BOUNDED,
            (
                Guard(
                    "octal-field",
                    then,
                    "artifact/test_tar.py::test_a_field_that_makes_no_sense_is_refused",
                ),
                Guard(
                    "negative-field",
                    gone.at("test.values.0"),
                    "artifact/test_tar.py::test_a_field_that_makes_no_sense_is_refused",
                ),
                Guard(
                    "pax-record-length",
                    false,
                    "artifact/test_tar.py::test_pax_records_that_would_never_end_are_refused_at_once",
                ),
                Guard(
                    "pax-header-length",
                    gone.at("test.operand.comparators.1"),
                    "artifact/test_tar.py::test_a_pax_header_has_bounds",
                ),
                Guard(
                    "strange-tar-header",
                    then,
                    "artifact/test_tar.py::test_pax_records_that_header_would_not_write_are_refused",
                ),
                Guard(
                    "size-in-a-manifest",
                    false,
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
            ),
        ),
        Fault(
            "a manifest that claims 2^50 bytes, or two thousand levels",
            BOUNDED.replace("that the manifest bounds", "that what is there bounds"),
            (
                Text(
                    "artifact/tar/reader.py",
                    "    length = next(lengths)\n",
                    "    lengths = iter(tuple(lengths))\n    length = next(lengths)\n",
                    "artifact/hostile/test_sizes.py::"
                    "test_a_file_that_is_smaller_than_listed_is_refused[tar.gz-17592186044416]",
                ),
                Guard(
                    "directories-held-open",
                    gives(-2).at("value.args.0.value.args.0"),
                    "artifact/test_descent.py::test_who_comes_back_opens_few_again",
                ),
            ),
        ),
        Fault(
            "a million empty members; bombs of gzip, zstd, xz and deflate; a huge manifest",
            BOUNDED,
            (
                Guard(
                    "most-zip-members",
                    false,
                    "artifact/hostile/test_sizes.py::test_many_empty_members_of_a_zip_are_refused",
                ),
                Guard(
                    "unpacked-limit",
                    false,
                    "artifact/test_codec.py::test_a_bomb_is_refused_early_and_in_little_memory",
                ),
                Guard(
                    "inflate-limit",
                    gone.at("value.args.1"),
                    "artifact/test_codec.py::test_a_bomb_is_refused_early_and_in_little_memory",
                ),
                Guard(
                    "xz-block",
                    gives(65536),
                    "artifact/test_codec.py::"
                    "test_a_bomb_of_another_codec_is_refused_early_and_in_little_memory[xz]",
                ),
                Guard(
                    "zstd-block",
                    gives(65536),
                    "artifact/test_codec.py::"
                    "test_a_bomb_of_another_codec_is_refused_early_and_in_little_memory[zstd]",
                ),
                Guard(
                    "limit-of-the-tar",
                    gives(1152921504606846976),
                    "artifact/hostile/test_sizes.py::"
                    "test_a_bomb_that_nobody_listed_is_refused[tar.xz]",
                ),
                Guard(
                    "manifest-too-large",
                    false,
                    "artifact/hostile/test_sizes.py::"
                    "test_a_manifest_that_is_too_large_is_refused[tar.gz]",
                ),
                Guard(
                    "longest-line",
                    gone.at("value.args.0"),
                    "artifact/test_canonical.py::test_a_line_has_bounds",
                ),
                Guard(
                    "deflated-too-large",
                    false,
                    "artifact/hostile/test_sizes.py::"
                    "test_a_deflated_content_that_is_larger_than_said_is_refused",
                ),
            ),
        ),
        Fault(
            "an archive is exchanged between being verified and being unpacked",
            "what is written is what was verified: it is opened once",
            (
                Text(
                    "installer/store/stage.py",
                    "for finding in reading.findings(write):",
                    "for finding in reader(open_regular(self.where), self.where).findings(write):",
                    "installer/test_source.py::"
                    "test_what_is_read_is_what_was_opened_whatever_has_its_name_now",
                ),
            ),
        ),
    ),
)
