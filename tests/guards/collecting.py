"""The faults of what is packaged: the sources."""

from __future__ import annotations

from .guard import Fault, Group, Guard

REFUSED = "refused, and told by name"

COLLECTING = Group(
    "Collecting",
    (
        Fault(
            "a source is edited, cut off, exchanged or lost while it is packaged",
            "the build fails with its name; never an artifact of two states",
            (
                Guard(
                    "builder/archive/members.py",
                    "if len(content) != entry.size or"
                    " hashlib.sha256(content).hexdigest() != entry.digest:",
                    "if False:",
                    "builder/test_pack.py::"
                    "test_a_source_that_changes_meanwhile_fails_the_build_by_name",
                ),
                Guard(
                    "builder/archive/members.py",
                    "if not left and (os.read(descriptor, 1) or read.hexdigest() != entry.digest):",
                    "if False:",
                    "builder/test_reuse.py::"
                    "test_a_large_file_that_changed_fails_even_where_only_a_piece_was_lost",
                ),
                Guard(
                    "builder/archive/members.py",
                    "os.O_RDONLY | os.O_NOFOLLOW |",
                    "os.O_RDONLY |",
                    "builder/test_pack.py::test_a_source_that_is_replaced_by_a_link_is_not_followed",
                ),
                Guard(
                    "builder/collect/file_state.py",
                    "if left or not is_same(os.fstat(descriptor), now):",
                    "if False:",
                    "builder/test_digests.py::test_a_file_that_changes_while_it_is_read_is_refused",
                ),
                Guard(
                    "builder/collect/collect.py",
                    "if held.type != kind or held.link != link:",
                    "if False:",
                    "builder/test_collect.py::test_every_source_that_went_wrong_is_told",
                ),
            ),
        ),
        Fault(
            "a source is edited while its task runs",
            "the next build notices",
            (
                Guard(
                    "plugin/config.py",
                    "if dep not in self._seen or _signature(dep) == self._seen.get(dep):",
                    "if True:",
                    "plugin/test_checker.py::"
                    "test_an_edit_while_the_task_runs_is_never_recorded_as_built",
                ),
                Guard(
                    "builder/collect/file_state.py",
                    "        if is_settled(now.ctime, time.time_ns()):",
                    "        if True:",
                    "builder/test_digests.py::test_a_file_stamped_this_moment_is_read_again",
                ),
            ),
        ),
        Fault(
            "what another task makes is absent, lost, half made, or made in the same run, "
            "with `-n` too",
            "that task is done first; what doit would not do again is told; never a package "
            "without it",
            (
                Guard(
                    "plugin/settle.py",
                    "collect.task_dep += [name for name in made.tasks"
                    " if name not in collect.task_dep]",
                    "pass",
                    "plugin/test_made.py::"
                    "test_what_a_task_makes_is_made_before_it_is_taken[at-optional]",
                ),
                Guard(
                    "plugin/settle.py",
                    "if first and loaded.again:",
                    "if False:",
                    "plugin/test_made.py::test_what_specs_are_read_from_is_made_first",
                ),
                Guard(
                    "plugin/uptodate.py",
                    "if makers and each.source not in known and not any(map(self._makes, makers)):",
                    "if False:",
                    "plugin/test_made.py::"
                    "test_what_a_task_made_and_is_gone_is_told_and_never_left_out",
                ),
                Guard(
                    "plugin/uptodate.py",
                    "        if not is_unchanged and self._is_sound:\n",
                    "        if False:\n",
                    "plugin/test_made.py::"
                    "test_a_directory_that_was_emptied_is_told_though_the_content_is_not",
                ),
                Guard(
                    "builder/plan/variant_plan.py",
                    "        if done != self._after:\n",
                    "        if False:\n",
                    "plugin/test_made.py::test_what_a_task_has_just_made_anew_is_packaged",
                ),
                Guard(
                    "builder/plan/variant_plan.py",
                    "        if self._looked_in != os.getpid():\n",
                    "        if False:\n",
                    "plugin/test_made.py::test_what_a_task_has_just_made_anew_is_packaged[-n 2]",
                ),
                Guard(
                    "builder/collect/sources.py",
                    "        if source not in self._looks:\n",
                    "        if True:\n",
                    "plugin/test_made.py::"
                    "test_what_came_while_a_build_ran_is_no_part_of_what_it_saw",
                ),
            ),
        ),
        Fault(
            "a task of the project's own changes what it depends on, depends on a link, or leaves "
            "one to nothing",
            "it runs exactly when doit alone would run it",
            (
                Guard(
                    "plugin/config.py",
                    "dep not in self._seen or ",
                    "",
                    "plugin/test_neighbours.py::"
                    "test_tasks_of_others_run_when_doit_alone_would_run_them",
                ),
                Guard(
                    "plugin/config.py",
                    "os.path.realpath(path) if os.path.islink(path) else path",
                    "path",
                    "plugin/test_checker.py::test_a_link_stands_for_what_it_leads_to",
                ),
            ),
        ),
        Fault(
            "a FIFO, a socket or a device in a tree",
            f"{REFUSED}; it is never opened",
            (
                Guard(
                    "builder/collect/expand.py",
                    "        if kind == stat.S_IFREG:\n",
                    "        if kind in {stat.S_IFREG, stat.S_IFIFO}:\n",
                    "builder/test_layout.py::test_a_special_file_is_a_fault",
                ),
                Guard(
                    "builder/collect/file_state.py",
                    'raise BuildError(f"{path}: neither a file,',
                    'return Held(f"{path}: neither a file,',
                    "builder/test_digests.py::test_a_fifo_is_refused_without_opening_it",
                ),
            ),
        ),
        Fault(
            "a symbolic link in a tree that leads in circles, or out of it",
            "stays a link within the package, or is refused; never followed",
            (
                Guard(
                    "builder/collect/sources.py",
                    "if entry.is_dir(follow_symlinks=False):",
                    "if entry.is_dir(follow_symlinks=True):",
                    "builder/test_sources.py::test_symbolic_links_are_listed_and_never_followed",
                ),
                Guard(
                    "builder/collect/expand.py",
                    "reason = link_fault(path, target)",
                    'reason = ""',
                    "builder/test_layout.py::test_a_link_of_a_tree_out_of_the_package_names_the_link",
                ),
            ),
        ),
        Fault(
            "names that are not UTF-8, of several lines, with a dash in front, or too long",
            "packaged as they are, or refused and shown safely",
            (
                Guard(
                    "builder/collect/layout.py",
                    "reason = path_fault(item.path)",
                    'reason = ""',
                    "builder/test_layout.py::test_names_that_no_package_can_hold_are_told_readably",
                ),
                Guard(
                    "artifact/model/entry.py",
                    "return path if spelt == path else",
                    "return path if path else",
                    "builder/test_layout.py::test_names_that_no_package_can_hold_are_told_readably",
                ),
                Guard(
                    "artifact/model/entry.py",
                    '    (r"[\\ud800-\\udfff]", "is not UTF-8"),\n',
                    "",
                    "artifact/hostile/test_names.py::"
                    "test_a_name_that_leads_elsewhere_is_refused[greenhouse/evil\\udcff-zip]",
                ),
                Guard(
                    "artifact/model/entry.py",
                    'if max(map(len, path.encode().split(b"/"))) > _LONGEST_NAME:',
                    "if False:",
                    "artifact/test_path.py::"
                    "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                ),
                Guard(
                    "artifact/model/entry.py",
                    "if len(path.encode()) > _LONGEST_PATH:",
                    "if False:",
                    "artifact/test_path.py::"
                    "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                ),
                Guard(
                    "plugin/task_graph.py",
                    'if sys.getfilesystemencoding() != "utf-8":',
                    "if False:",
                    "plugin/test_graph.py::"
                    "test_names_that_are_not_utf_8_are_refused_before_they_become_others",
                ),
            ),
        ),
        Fault(
            "destinations that are one file where case or accents do not count",
            f"{REFUSED}, both of them, on every machine; at the installation too",
            (
                Guard(
                    "artifact/model/entry.py",
                    "return path.lower()",
                    "return path",
                    "builder/test_layout.py::test_paths_that_a_mac_takes_for_one_collide",
                ),
                Guard(
                    "artifact/model/entry.py",
                    'unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())',
                    "path.casefold()",
                    "builder/test_layout.py::test_paths_that_a_mac_takes_for_one_collide",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "if key in self._taken:",
                    "if False:",
                    "artifact/test_extract.py::"
                    "test_names_that_a_mac_takes_for_one_are_refused_before_anything_is_written",
                ),
            ),
        ),
        Fault(
            "what a Mac leaves in a tree: `._*`, `.DS_Store`",
            "left out, unless a content names it",
            (
                Guard(
                    "builder/collect/sources.py",
                    'name.startswith("._") or name in _UNWANTED',
                    "False",
                    "builder/test_sources.py::test_what_no_package_wants_is_left_out",
                ),
                Guard(
                    "builder/collect/sources.py",
                    "                if _is_unwanted(name):\n",
                    "                if _is_unwanted(name) and entry.is_file():\n",
                    "builder/test_sources.py::test_what_no_package_wants_is_left_out",
                ),
            ),
        ),
    ),
)
