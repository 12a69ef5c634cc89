"""The faults of archives: damaged by accident, or made on purpose."""

from __future__ import annotations

from .guard import Fault, Group, Guard

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
                    "artifact/codec.py",
                    "        elif not source and not data:\n"
                    '            raise self._fault("cut off")\n',
                    "        elif not source and not data:\n            self._decode = None\n",
                    "artifact/test_codec.py::"
                    "test_a_stream_cut_off_anywhere_but_between_members_is_refused",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    '        raise ArtifactError("the tar inside is cut off")',
                    '        return data.ljust(size, b"\\0")',
                    "artifact/test_tar.py::test_a_tar_cut_off_anywhere_is_refused",
                ),
                Guard(
                    "artifact/zip/members.py",
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
                    "artifact/codec.py",
                    "if not self._pending.startswith(self.header):",
                    "if not self._pending.startswith(self.header[:2]):",
                    "artifact/test_codec.py::test_a_header_with_a_time_or_a_name_is_refused",
                ),
                Guard(
                    "artifact/codec.py",
                    'return None if wanted else "not the zstd header that this tool writes"',
                    "return None",
                    "artifact/test_codec.py::test_frames_of_other_makers_are_refused",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if digest != entry.digest and",
                    "if False and",
                    "artifact/test_verify.py::test_a_member_that_differs_is_told",
                ),
                Guard(
                    "artifact/zip/members.py",
                    "if (made, crc) != (size, packed.crc):",
                    "if made != size:",
                    "artifact/zip/test_spelling.py::test_a_stored_content_that_is_damaged_is_refused",
                ),
                Guard(
                    "artifact/verify/verify.py",
                    "elif needed[name] and needed[name] != listed[name]:",
                    "elif False:",
                    "artifact/test_sidecars.py::test_a_sum_that_differs_is_told",
                ),
                Guard(
                    "installer/store/stage.py",
                    "if whole.indexed != self.says:",
                    "if False:",
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
                    "artifact/tar/__init__.py",
                    "if _read(stream, BLOCK) != _ZEROS or stream.read(1):",
                    "if _read(stream, BLOCK) != _ZEROS:",
                    "artifact/hostile/test_members.py::test_chunks_after_the_end_are_refused",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "if rest and _read(stream, rest) != bytes(rest):",
                    "if rest and not _read(stream, rest):",
                    "artifact/test_tar.py::test_nothing_hides_in_the_padding",
                ),
                Guard(
                    "artifact/verify/formats.py",
                    " and data[end:] == bytes(padding)",
                    "",
                    "artifact/test_proof.py::test_nothing_but_zeros_follows_a_content",
                ),
                Guard(
                    "artifact/codec.py",
                    "        if not tar_length:\n",
                    "        if False:\n",
                    "artifact/test_codec.py::test_a_member_of_nothing_is_refused",
                ),
                Guard(
                    "artifact/verify/formats.py",
                    'raise ArtifactError("its chunks go on after its end")',
                    "continue",
                    "artifact/test_proof.py::test_a_chunk_too_few_or_too_many_is_not_proved",
                ),
                Guard(
                    "artifact/zip/reader.py",
                    "if self._mark + self._source.rest(len(spelling)) != spelling:",
                    "if self._mark + self._source.rest(len(spelling) - 4) != spelling:",
                    "artifact/hostile/test_members.py::"
                    "test_an_archive_after_an_archive_is_refused[zip]",
                ),
                Guard(
                    "artifact/zip/reader.py",
                    'raise ArtifactError(f"is damaged at byte {start}: nothing',
                    '(f"{CENTRAL!r} is damaged at byte {start}: nothing',
                    "artifact/hostile/test_members.py::test_bytes_between_members_are_refused",
                ),
                Guard(
                    "artifact/deb/reader.py",
                    "if self._stream.read(len(tar.END) + 1) != tar.END:",
                    "if self._stream.read(len(tar.END)) != tar.END:",
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
                    "artifact/deb/reader.py",
                    "if not held or held.digest != digests[name]:",
                    "if not held:",
                    "artifact/deb/test_reader.py::test_control_that_disagrees_is_refused",
                ),
                Guard(
                    "artifact/deb/reader.py",
                    "if not held or held.digest != extras[path]:",
                    "if not held:",
                    "artifact/deb/test_reader.py::test_another_file_of_the_system_s_is_refused",
                ),
                Guard(
                    "artifact/deb/control.py",
                    "    data_member.demand_places(manifest, extras)\n",
                    "",
                    "artifact/deb/test_reader.py::test_a_manifest_adds_nothing_that_no_package_has",
                ),
                Guard(
                    "builder/verify/prove.py",
                    " and self._stating(made, listing) == made.package",
                    "",
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
                    "artifact/verify/contents.py",
                    "for path in self._missing:",
                    "for path in ():",
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[missing-tar.gz]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "yield Finding(path, again)",
                    "yield from [Finding(path, again)] * (path in self._listed)",
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[extra-zip]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "yield Finding(path, again)",
                    "yield from [Finding(path, again)] * (path not in self._listed)",
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused[twice-tar.gz]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if path < self._last:",
                    "if False:",
                    "artifact/hostile/test_members.py::"
                    "test_members_that_are_not_those_of_the_manifest_are_refused"
                    "[out of order-tar.gz]",
                ),
                Guard(
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
                    "artifact/model/canonical.py",
                    'if text.encode(errors="replace") != line:',
                    "if False:",
                    "artifact/test_canonical.py::test_any_other_spelling_is_refused",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if tuple(found) != archive.preamble(data, name, by_content=by_content):",
                    "if False:",
                    "artifact/test_verify.py::"
                    "test_a_manifest_that_is_not_where_it_should_be_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "return in_order and len(keys)",
                    "return len(keys)",
                    "artifact/test_manifest.py::test_each_path_stands_once_and_in_order",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "and _are_digests(digests) and",
                    "and",
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "if path <= self._last:",
                    "if False:",
                    "artifact/test_manifest.py::test_each_path_stands_once_and_in_order",
                ),
                Guard(
                    "artifact/verify/verify.py",
                    "if self._data.get(name, actual.manifest) != actual.manifest:",
                    "if False:",
                    "artifact/test_sidecars.py::test_another_manifest_beside_the_archive_is_told",
                ),
                Guard(
                    "installer/store/releases.py",
                    "if not match or filesystem.of_bytes(data)[:8] != match[1]:",
                    "if not match:",
                    "installer/test_inspection.py::test_a_damaged_manifest_is_told",
                ),
            ),
        ),
        Fault(
            "negative sizes, numbers that are none, records of PAX without end, sparse claims",
            BOUNDED,
            (
                Guard(
                    "artifact/tar/__init__.py",
                    "return int(field, 8) if _OCTAL.fullmatch(field) else -1",
                    "return int(field, 8)",
                    "artifact/test_tar.py::test_a_field_that_makes_no_sense_is_refused",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "if min(member.size, member.mode, member.mtime) < 0 or",
                    "if",
                    "artifact/test_tar.py::test_a_field_that_makes_no_sense_is_refused",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "if length <= len(digits):",
                    "if False:",
                    "artifact/test_tar.py::test_pax_records_that_would_never_end_are_refused_at_once",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "if not 0 < length <= _LONGEST_PAX:",
                    "if not 0 < length:",
                    "artifact/test_tar.py::test_a_pax_header_has_bounds",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "return None if known else STRANGE",
                    "return None",
                    "artifact/test_tar.py::test_pax_records_that_header_would_not_write_are_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "elif entry.type == FILE and not 0 <= entry.size <= LARGEST_SIZE:",
                    "elif False:",
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
            ),
        ),
        Fault(
            "a manifest that claims 2^50 bytes, or two thousand levels",
            BOUNDED.replace("that the manifest bounds", "that what is there bounds"),
            (
                Guard(
                    "artifact/verify/formats.py",
                    "    length = next(lengths)\n",
                    "    lengths = iter(tuple(lengths))\n    length = next(lengths)\n",
                    "artifact/hostile/test_sizes.py::"
                    "test_a_file_that_is_smaller_than_listed_is_refused[tar.gz-17592186044416]",
                ),
                Guard(
                    "artifact/filesystem.py",
                    "min(gaps)[1]",
                    "-2",
                    "artifact/test_descent.py::test_who_comes_back_opens_few_again",
                ),
            ),
        ),
        Fault(
            "a million empty members; bombs of gzip, zstd, xz and deflate; a huge manifest",
            BOUNDED,
            (
                Guard(
                    "artifact/verify/verify.py",
                    "if count == _MOST:",
                    "if False:",
                    "artifact/hostile/test_sizes.py::test_many_empty_members_of_a_zip_are_refused",
                ),
                Guard(
                    "artifact/codec.py",
                    "if self._tar_offset > self.limit:",
                    "if False:",
                    "artifact/test_codec.py::test_a_bomb_is_refused_early_and_in_little_memory",
                ),
                Guard(
                    "artifact/codec.py",
                    "data = self._zlib.decompress(source, room)",
                    "data = self._zlib.decompress(source)",
                    "artifact/test_codec.py::test_a_bomb_is_refused_early_and_in_little_memory",
                ),
                Guard(
                    "artifact/codec.py",
                    "_BLOCK = 2048",
                    "_BLOCK = 65536",
                    "artifact/test_codec.py::"
                    "test_a_bomb_of_another_codec_is_refused_early_and_in_little_memory[xz]",
                ),
                Guard(
                    "artifact/codec.py",
                    "_BLOCK = 512",
                    "_BLOCK = 65536",
                    "artifact/test_codec.py::"
                    "test_a_bomb_of_another_codec_is_refused_early_and_in_little_memory[zstd]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "self._unpacked.limit = _tar_limit(self.data, self.manifest)",
                    "self._unpacked.limit = 1 << 60",
                    "artifact/hostile/test_sizes.py::"
                    "test_a_bomb_that_nobody_listed_is_refused[tar.xz]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if member.size > canonical.LIMIT:",
                    "if False:",
                    "artifact/hostile/test_sizes.py::"
                    "test_a_manifest_that_is_too_large_is_refused[tar.gz]",
                ),
                Guard(
                    "artifact/model/canonical.py",
                    "lines.readline(_LONGEST_LINE)\n    more",
                    "lines.readline()\n    more",
                    "artifact/test_canonical.py::test_a_line_has_bounds",
                ),
                Guard(
                    "artifact/zip/members.py",
                    "if made > size:",
                    "if False:",
                    "artifact/hostile/test_sizes.py::"
                    "test_a_deflated_content_that_is_larger_than_said_is_refused",
                ),
            ),
        ),
        Fault(
            "an archive is exchanged between being verified and being unpacked",
            "what is written is what was verified: it is opened once",
            (
                Guard(
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
