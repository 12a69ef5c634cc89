"""The faults that a build meets on its machine."""

from __future__ import annotations

from .guard import Fault, Group, Guard

WHOLE = "nothing partial under a final name; the next build gives the bytes of a clean one"
UNTOUCHED = "told by name; what was built before is untouched"
NOTICED = "noticed, and made again"
SAME = "the same bytes"
TOLD = "refused in less than a second, with file, line and column"

BUILDING = Group(
    "Building",
    (
        Fault(
            "the build is killed, at any system call",
            WHOLE,
            (
                Guard(
                    "builder/workspace/output.py",
                    'return path.with_name(f".{path.name}.{os.getpid()}.tmp")',
                    "return path",
                    "builder/test_output.py::test_a_file_appears_whole_when_the_block_ends",
                ),
                Guard(
                    "builder/workspace/output.py",
                    "                os.fsync(file.fileno())\n",
                    "",
                    "builder/test_output.py::test_what_takes_its_name_is_on_the_disk",
                ),
                Guard(
                    "builder/workspace/output.py",
                    "            sync_directory(directory)\n",
                    "            pass\n",
                    "builder/test_output.py::test_what_takes_its_name_is_on_the_disk",
                ),
                Guard(
                    "builder/workspace/output.py",
                    'for stale in directory.glob(f".{name}.*.tmp"):',
                    "for stale in ():",
                    "builder/test_output.py::test_what_killed_builds_left_is_swept_and_nothing_else",
                ),
                Guard(
                    "builder/workspace/output.py",
                    "if stale.lstat().st_mtime_ns < oldest:",
                    "if True:",
                    "builder/test_output.py::test_what_no_lock_guards_is_swept_once_it_is_old",
                ),
                Guard(
                    "builder/plan/cache.py",
                    "    output.sweep_old(path)\n",
                    "",
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "builder/archive/tool.py",
                    "    output.sweep_old(path)\n",
                    "",
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "builder/archive/store.py",
                    "staged = Staged(os.path.join(self._directory, name), path)",
                    "staged = Staged(path, path)",
                    "builder/test_store.py::test_what_is_staged_is_not_there_until_it_is_kept",
                ),
                Guard(
                    "plugin/database.py",
                    "        if dependency == _LAST:\n            self._save()\n",
                    "",
                    "plugin/test_database.py::test_a_finished_task_is_on_disk_before_doit_exits",
                ),
            ),
            ("plugin/test_sweep.py::test_a_kill_at_every_call_leaves_only_whole_artifacts",),
        ),
        Fault(
            "SIGINT, SIGTERM or SIGHUP",
            f"a message of one line; {WHOLE}",
            (
                Guard(
                    "plugin/config.py",
                    "        signal.signal(number, _leave)",
                    "        pass",
                    "plugin/test_faults.py::test_a_signal_ends_doit_with_one_line[alone-SIGHUP]",
                ),
                Guard(
                    "plugin/config.py",
                    "        atexit.register(_leave_nothing)\n",
                    "",
                    "plugin/test_faults.py::test_a_signal_leaves_nothing_half_made[-n 2 -P thread]",
                ),
                Guard(
                    "plugin/config.py",
                    "    sys.unraisablehook = partial(_insist, sys.unraisablehook)\n",
                    "",
                    "plugin/test_faults.py::test_a_signal_ends_doit_where_python_lets_nothing_out[goes]",
                ),
            ),
        ),
        Fault(
            "a worker of `doit -n` is killed, whatever it was doing",
            "told with what it has not finished, exit code 3; nothing is left half-made",
            (
                Guard(
                    "plugin/doit_internals.py",
                    "        result_q.watch = self.demand_all\n",
                    "",
                    "plugin/test_workers.py::test_a_worker_that_is_killed_ends_the_run[alone]",
                ),
                Guard(
                    "plugin/doit_internals.py",
                    "            leftovers.sweep_of(",
                    "            print(",
                    "plugin/test_workers.py::test_nothing_is_left_of_a_worker_that_was_killed[SIGKILL]",
                ),
            ),
        ),
        Fault(
            "temporary files of a version, or of a package, that is never built again",
            "the next build of any package removes them; what another may be at work on stays",
            (
                Guard(
                    "builder/archive/pack.py",
                    "    leftovers.sweep(place)\n",
                    "",
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "builder/workspace/leftovers.py",
                    "                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                    "",
                    "builder/test_stale.py::test_what_another_may_be_at_work_on_stays",
                ),
            ),
        ),
        Fault(
            "the disk is full, fails or cannot be written",
            UNTOUCHED,
            (
                Guard(
                    "builder/workspace/output.py",
                    "        with suppress(OSError):  # it has its name, or never was\n"
                    "            os.unlink(name)",
                    "        pass",
                    "builder/test_output.py::test_a_failure_leaves_the_old_files_and_nothing_else",
                ),
                Guard(
                    "builder/workspace/output.py",
                    "error.filename, error.filename2 = str(path), None",
                    "pass",
                    "builder/test_output.py::test_an_error_of_the_disk_names_the_file_too",
                ),
                Guard(
                    "plugin/stages.py",
                    "except OSError as error:",
                    "except ZeroDivisionError as error:",
                    "plugin/test_faults.py::test_a_read_only_disk_is_told_and_the_old_artifacts_stay",
                ),
                Guard(
                    "builder/archive/store.py",
                    "            self.drop(staged)\n            return None",
                    "            return staged",
                    "builder/test_store.py::test_a_full_disk_keeps_what_fits_and_nothing_of_the_rest",
                ),
            ),
        ),
        Fault(
            "artifacts lie on a disk that cannot be written, or there is little or no memory to "
            "unpack something to",
            "they are verified, rehearsed and told of all the same; what cannot be removed is told",
            (
                Guard(
                    "builder/workspace/paths.py",
                    "            if error.errno not in _NOT_OURS_TO_WRITE:\n                raise",
                    "            raise",
                    "plugin/test_faults.py::test_what_cannot_be_written_can_be_judged",
                ),
                Guard(
                    "builder/archive/tool.py",
                    "            if error.errno == errno.EROFS:\n",
                    "            if not error.errno:\n",
                    "plugin/test_faults.py::test_what_was_never_built_and_cannot_be_is_told_of",
                ),
                Guard(
                    "builder/verify/rehearse.py",
                    "    root = Path(os.path.realpath(root))  # as",
                    "    # as",
                    "plugin/test_rehearse.py::test_it_needs_no_file_system_in_memory[no proc]",
                ),
                Guard(
                    "plugin/ownership.py",
                    "        failed.append(path)\n",
                    "",
                    "plugin/test_faults.py::test_what_cannot_be_removed_is_told",
                ),
            ),
        ),
        Fault(
            "what is remembered of chunks, or of files, is whole, sealed and wrong",
            "`doit verify` tells it, with `--rebuild` of files too; the next build believes "
            "nothing that was remembered",
            (
                Guard(
                    "builder/verify/prove.py",
                    "        begin_anew(place.release.parent)\n",
                    "        pass\n",
                    "plugin/test_distrust.py::test_what_was_wrong_from_the_start_is_made_right",
                ),
                Guard(
                    "builder/verify/prove.py",
                    "        remembered.unlink(missing_ok=True)\n",
                    "        pass\n",
                    "plugin/test_distrust.py::test_so_is_what_was_shared_out_among_chunks",
                ),
                Guard(
                    "plugin/stages.py",
                    "        digests_of(job.artifacts).forget()  # a digest",
                    "        # a digest",
                    "plugin/test_distrust.py"
                    "::test_a_digest_that_is_remembered_wrongly_goes_with_a_rebuild",
                ),
            ),
        ),
        Fault(
            "the records of doit are deleted, cut off or garbage",
            "all is built again; never a wrong artifact",
            (
                Guard(
                    "builder/workspace/cache.py",
                    "            with suppress(OSError):\n                self.discard()\n"
                    "            return []",
                    "            raise",
                    "plugin/test_database.py::test_a_damaged_file_is_no_error",
                ),
                Guard(
                    "builder/workspace/cache.py",
                    "        except sqlite3.DatabaseError:\n            self.discard()\n",
                    "        except ZeroDivisionError:\n            self.discard()\n",
                    "builder/test_cache.py::test_a_damaged_file_is_begun_afresh",
                ),
                Guard(
                    "builder/workspace/cache.py",
                    'raise sqlite3.DatabaseError(f"version {version} is not {_VERSION}")',
                    "return",
                    "builder/test_cache.py::test_a_file_of_another_version_is_begun_afresh",
                ),
                Guard(
                    "plugin/database.py",
                    "return record if isinstance(record, dict) else {}",
                    "return record",
                    "plugin/test_database.py::test_a_record_that_is_no_record_is_none",
                ),
            ),
        ),
        Fault(
            "a chunk in the store is cut off, altered, exchanged or missing",
            NOTICED,
            (
                Guard(
                    "builder/archive/store.py",
                    "return packed if content[:_DIGEST] == _seal(key, packed) else None",
                    "return packed",
                    "builder/test_store.py::test_an_entry_cut_off_anywhere_is_noticed_and_removed",
                ),
                Guard(
                    "builder/archive/store.py",
                    "hashlib.sha256(key.encode() + packed.digest + packed.tar_digest)",
                    "hashlib.sha256(packed.digest + packed.tar_digest)",
                    "builder/test_store.py::test_an_entry_under_the_key_of_another_is_noticed",
                ),
                Guard(
                    "builder/archive/store.py",
                    "os.open(path, os.O_RDONLY | os.O_NOFOLLOW |",
                    "os.open(path, os.O_RDONLY |",
                    "builder/test_store.py::test_what_is_no_file_is_no_entry",
                ),
            ),
        ),
        Fault(
            "an artifact is altered, and keeps its size and times",
            "`doit verify` tells; `doit package` builds it again",
            (
                Guard(
                    "plugin/uptodate.py",
                    "os.path.lexists(target) and self._held(target) != left:",
                    "False:",
                    "plugin/test_stages.py::"
                    "test_a_damaged_artifact_fails_verify_and_is_rebuilt_by_package",
                ),
                Guard(
                    "builder/collect/file_state.py",
                    '"st_mtime_ns", "st_ctime_ns",',
                    '"st_mtime_ns", "st_mtime_ns",',
                    "builder/test_digests.py::test_an_edit_that_puts_size_and_time_back_is_seen",
                ),
            ),
        ),
        Fault(
            "two builds at once",
            "both are right; the second waits",
            (
                Guard(
                    "builder/workspace/paths.py",
                    "            fcntl.flock(descriptor, fcntl.LOCK_EX)\n",
                    "",
                    "plugin/test_faults.py::test_a_second_doit_waits_for_the_first",
                ),
            ),
        ),
        Fault(
            "a file of more than 8 GiB",
            "packaged and verified, in bounded memory",
            (
                Guard(
                    "artifact/tar/__init__.py",
                    '        records += _record(b"size", b"%d" % size)\n',
                    '        records += b""\n',
                    "artifact/test_tar.py::test_a_size_beyond_eight_gib_goes_round",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    'b"\\x80" + size.to_bytes(11, "big") if size > LARGEST_SIZE',
                    'b"%011o" % 0 if size > LARGEST_SIZE',
                    "artifact/test_tar.py::"
                    "test_every_tar_goes_on_behind_a_file_of_eight_gib[busybox tar]",
                ),
                Guard(
                    "artifact/tar/chunking.py",
                    "for start in range(0, length, most):",
                    "for start in range(0, length, length):",
                    "artifact/test_chunk.py::"
                    "test_a_group_that_is_too_large_is_cut_in_pieces_of_the_maximum",
                ),
            ),
            ("plugin/test_sweep.py::test_a_file_of_more_than_8_gib_makes_the_whole_way",),
        ),
        Fault(
            "100,000 files",
            "read once, and not again where nothing has changed; within the bars of `doit bench`",
            (
                Guard(
                    "builder/collect/file_state.py",
                    'return found[1] if found and found[0] == now else ""',
                    'return ""',
                    "builder/test_digests.py::test_a_settled_file_is_read_once",
                ),
                Guard(
                    "builder/archive/compress.py",
                    "return behind > self._room or self._fetched > _FETCHED",
                    "return False",
                    "builder/test_press.py::test_no_more_is_held_than_there_is_room_for",
                ),
            ),
        ),
        Fault(
            "another path, user, umask, time zone, locale, date, or order of directories",
            SAME,
            (
                Guard(
                    "builder/collect/layout.py",
                    "        items.sort(key=itemgetter(0))\n",
                    "        items.reverse()\n",
                    "builder/test_layout.py::test_items_are_sorted_by_the_bytes_of_their_paths",
                ),
                Guard(
                    "artifact/tar/archive.py",
                    "of_content(entry) if by_content else tar.EPOCH",
                    '__import__("os").getpid()',
                    "builder/test_pack.py::test_members_carry_no_trace_of_the_builder",
                ),
                Guard(
                    "builder/collect/file_state.py",
                    "bool(now.mode & stat.S_IXUSR)",
                    "bool(now.mode & 0o066)",
                    "plugin/test_checker.py::"
                    "test_an_executable_bit_is_a_change_and_other_bits_are_not",
                ),
            ),
            (
                "plugin/test_reproducible.py::test_all_at_once_give_the_same_bytes",
                "plugin/test_reproducible.py::test_another_order_of_directories_gives_the_same_bytes",
                "machines/test_everywhere.py",
            ),
        ),
        Fault(
            "YAML that expands to billions of values, is nested deeply, is huge, or names types",
            TOLD,
            (
                Guard(
                    "spec/yaml/reader.py",
                    "if self._aliased > MAX_ALIASED:",
                    "if False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[alias-bomb]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "self._anchors[event.anchor] = None",
                    "pass",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[recursive-alias]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "if depth > MAX_DEPTH:",
                    "if False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[too-deep]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "if self._values > MAX_VALUES:",
                    "if False:",
                    "spec/test_load.py::test_too_many_values_are_refused",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "if len(text) <= _LONGEST_NUMBER:",
                    "if True:",
                    "spec/test_load.py::test_a_longer_number_is_refused",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "if event.tag is not None:",
                    "if False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[tag]",
                ),
                Guard(
                    "spec/resolve/inputs.py",
                    "if len(data) > MAX_BYTES:",
                    "if False:",
                    "spec/test_load.py::test_a_huge_file_is_not_read",
                ),
                Guard(
                    "spec/resolve/inputs.py",
                    "if not stat.S_ISREG(os.fstat(descriptor).st_mode):",
                    "if False:",
                    "spec/test_load.py::test_a_fifo_is_refused_without_waiting",
                ),
            ),
            ("spec/test_fuzz.py::test_fuzzing_with_coverage_as_the_guide_finds_nothing",),
        ),
    ),
)
