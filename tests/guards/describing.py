"""The faults of specs and templates."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, first, gives, gone, library, receiver, uncaught

REFUSED = "refused by name"
LOCATED = "refused in less than a second, with file, line and column"

DESCRIBING = Group(
    "Describing",
    (
        Fault(
            "YAML with a key twice, a tab, a NUL, a byte order mark or another encoding",
            LOCATED,
            (
                Guard(
                    "key-twice",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[duplicate-key]",
                ),
                Guard(
                    "control-character-in-yaml",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[control-character]",
                ),
                Guard(
                    "byte-order-mark",
                    receiver,
                    "spec/test_data.py::test_a_byte_order_mark_at_the_start_is_nothing",
                ),
                Guard(
                    "not-utf8",
                    uncaught,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[not-utf8]",
                ),
            ),
        ),
        Fault(
            "`0755`, `1.10`, `on` or `1:30` without quotes, where text is meant",
            "refused, and the quoted form suggested",
            (
                Guard(
                    "unquoted-text",
                    gives(False),
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[unquoted-text]",
                ),
                Guard(
                    "unquoted-mode",
                    gives(None),
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[unquoted-mode]",
                ),
                Guard(
                    "quoted-is-text", gives(False), "spec/test_load.py::test_what_is_quoted_is_text"
                ),
            ),
        ),
        Fault(
            "a missing blank after a dash or a colon, so that YAML reads a text or a key",
            "refused at that dash or colon, with what to write",
            (
                Guard(
                    "tight-colon",
                    gone,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[yaml-tight-colon]",
                ),
                Guard(
                    "tight-dash",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[yaml-tight-dash]",
                ),
            ),
        ),
        Fault(
            "a secret in a line of a spec that cannot be read",
            "reported without showing the line",
            (
                Guard(
                    "secret-in-a-syntax-error",
                    first.at("value.body"),
                    "spec/test_golden.py"
                    "::test_the_report_is_this_to_the_letter[secret-in-a-syntax-error]",
                ),
                Guard(
                    "secret-in-an-excerpt",
                    first,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[instead]",
                ),
            ),
        ),
        Fault(
            "a value that YAML 1.1 and 1.2 read differently, in a spec",
            "refused, and the quoted form suggested",
            (
                Guard(
                    "ambiguous-plain-value",
                    gone,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[ambiguous]",
                ),
                Guard(
                    "key-that-is-no-text",
                    gives("").at("test.values.2"),
                    "spec/test_scalar.py::test_a_key_that_is_no_text_to_all_is_refused",
                ),
            ),
        ),
        Fault(
            "such a value in a file of variables",
            "rendered as written; refused as a condition or a number",
            (
                Guard(
                    "variables-as-written",
                    gives(False),
                    "spec/test_scalar.py"
                    "::test_what_files_of_variables_say_is_taken_as_it_is_written",
                ),
                Guard(
                    "doubtful-variables",
                    first,
                    "builder/test_render.py::test_no_condition_and_no_sum_is_made_of_it",
                ),
            ),
        ),
        Fault(
            "a template that prints a Python object: a generator, a method, bytes",
            "refused with template and line, and what to write",
            (
                Guard(
                    "no-text-of-its-own",
                    false,
                    "builder/test_printable.py::test_what_has_no_text_of_its_own_is_not_printed",
                ),
                Guard(
                    "address-in-a-text",
                    false,
                    "builder/test_printable.py::test_no_text_with_an_address_is_made_of_it",
                ),
            ),
        ),
        Fault(
            "text that systemd or launchd would misread: non-characters, blanks at the end",
            "refused, or escaped so that it is read as written",
            (
                Guard(
                    "plist-surrogate",
                    gone.at("value.args.0.values.1"),
                    "artifact/test_plist.py::"
                    "test_every_character_that_a_text_may_have_comes_back_from_a_property_list",
                ),
                Guard(
                    "directory-that-ends-in-a-blank",
                    gone.at("value.value.values.2"),
                    "artifact/test_unit.py::test_blanks_around_a_directory_are_of_its_name",
                ),
                Guard(
                    "comment-in-a-device-file",
                    gone.at("value.test.values.1"),
                    "artifact/test_device.py::test_what_is_no_such_file_is_told",
                ),
            ),
        ),
        Fault(
            "an extra unit setting that ends its line, continues in the next, or is written by "
            "this tool itself",
            "refused, with the key to use in the spec",
            (
                Guard(
                    "extra-of-our-own",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-extra]",
                ),
                Guard(
                    "extra-in-one-line",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-extra]",
                ),
                Guard(
                    "extra-that-goes-on",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-extra]",
                ),
            ),
        ),
        Fault(
            "a service setting that would have no effect, or half of it, in its service manager",
            "refused, with what to write instead",
            (
                Guard(
                    "launchd-has-none",
                    gives(()),
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[no-counterpart]",
                ),
                Guard(
                    "half-of-network-online",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-limits]",
                ),
            ),
        ),
        Fault(
            "files of a package in a directory where a service keeps its state",
            REFUSED,
            (
                Guard(
                    "state-in-the-package",
                    false,
                    "builder/test_programs.py::test_a_directory_of_state_is_empty_in_the_package",
                ),
            ),
        ),
        Fault(
            "a hook or a service's program that nothing on the target can run, or a link to "
            "nothing in the package",
            REFUSED,
            (
                Guard(
                    "program-that-nothing-runs",
                    gives(()),
                    "builder/test_programs.py::test_a_program_that_nothing_would_run_is_told",
                ),
                Guard(
                    "rendered-programs",
                    gone,
                    "builder/test_programs.py"
                    "::test_a_program_that_is_made_of_a_template_is_looked_at_once_it_is_made",
                ),
                Guard(
                    "hook-without-a-known-program",
                    gives(False),
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "hook-with-carriage-returns",
                    gives(False),
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "hook-of-a-relative-program",
                    gives(False),
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "hook-of-env-with-words",
                    gives(False),
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "link-to-nothing",
                    false,
                    "builder/test_situations.py::test_a_situation_has_its_fault",
                ),
                Guard(
                    "link-into-data",
                    gives(True).at("value.values.2"),
                    "builder/test_situations.py::test_a_situation_has_its_fault",
                ),
            ),
        ),
        Fault(
            "`..` or an absolute path as source, destination, template, hook or link",
            REFUSED,
            (
                Guard(
                    "path-that-leaves-its-root",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-path]",
                ),
                Guard(
                    "absolute-link",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-path]",
                ),
                Guard(
                    "source-out-of-the-project",
                    false,
                    "builder/test_layout.py::test_a_source_that_is_not_there_is_told_at_its_line",
                ),
                Guard(
                    "hook-out-of-the-project",
                    false,
                    "builder/test_specs.py::test_a_hook_must_be_a_file_of_the_project",
                ),
                Guard(
                    "input-out-of-the-project",
                    false,
                    "spec/test_load.py::test_nothing_outside_the_project_is_read",
                ),
            ),
        ),
        Fault(
            "a template with an unknown name, access to Python, an endless loop, or too much "
            "output",
            "refused with template, line and column; nothing runs outside the sandbox",
            (
                Guard(
                    "undefined-is-noted",
                    gone,
                    "builder/test_undefined.py::"
                    "test_a_use_is_told_where_the_name_stands_and_is_not_the_end",
                ),
                Guard(
                    "sandbox",
                    library("jinja2.Environment").at("bases.0"),
                    "builder/test_render.py::test_no_way_leads_to_python",
                ),
                Guard(
                    "render-cpu",
                    gone,
                    "builder/test_limits.py::test_work_without_end_is_ended",
                ),
                Guard(
                    "memory-of-templates", gone, "builder/test_limits.py::test_memory_is_bounded"
                ),
            ),
        ),
        Fault(
            "a template that includes a file that is missing or outside the project",
            "refused with template, line and column",
            (
                Guard(
                    "template-out-of-the-project",
                    false,
                    "builder/test_render.py::test_nothing_is_included_from_outside_the_project",
                ),
                Guard(
                    "template-that-is-missing",
                    gone,
                    "builder/test_render.py::test_all_other_templates_that_cannot_be_read_are_told_at_once",
                ),
            ),
        ),
    ),
)
