"""The faults of what describes a package: specs and templates."""

from __future__ import annotations

from .guard import Fault, Group, Guard

REFUSED = "refused, and told by name"
TOLD = "refused in less than a second, with file, line and column"

DESCRIBING = Group(
    "Describing",
    (
        Fault(
            "YAML with a key twice, a tab, a NUL, a byte order mark or another encoding",
            TOLD,
            (
                Guard(
                    "spec/yaml/reader.py",
                    "if key in keys:",
                    "if False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[duplicate-key]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "if control := _CONTROL.search(text):",
                    "if (control := _CONTROL.search(text)) and False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[control-character]",
                ),
                Guard(
                    "spec/resolve/inputs.py",
                    '.removeprefix("\\ufeff")',
                    "",
                    "spec/test_data.py::test_a_byte_order_mark_at_the_start_is_nothing",
                ),
                Guard(
                    "spec/resolve/inputs.py",
                    "except UnicodeDecodeError as error:",
                    "except ZeroDivisionError as error:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[not-utf8]",
                ),
            ),
        ),
        Fault(
            "`0755`, `1.10`, `on` or `1:30` without quotes, where text is meant",
            "refused, and the quoted form suggested",
            (
                Guard(
                    "spec/schema/check.py",
                    'quotable = "string" in wanted and "integer" not in wanted',
                    "quotable = False",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[unquoted-text]",
                ),
                Guard(
                    "spec/schema/check.py",
                    "is_mode = key in MODES and _OCTAL.fullmatch(node.text)",
                    "is_mode = None",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[unquoted-mode]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "quoted = not event.implicit[0]",
                    "quoted = False",
                    "spec/test_load.py::test_what_is_quoted_is_text",
                ),
            ),
        ),
        Fault(
            "a blank that is missing behind a dash or a colon, where YAML reads a text or a key",
            "refused at that dash or colon, with what to write",
            (
                Guard(
                    "spec/yaml/reader.py",
                    "            self._demand_spaces(event, node)\n",
                    "",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[yaml-tight-colon]",
                ),
                Guard(
                    "spec/yaml/mistakes.py",
                    'if not line[: column - 1].strip(" -") and (item :=',
                    "if False and (item :=",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[yaml-tight-dash]",
                ),
            ),
        ),
        Fault(
            "a secret in a line of a spec that cannot be read",
            "told without the line",
            (
                Guard(
                    "spec/yaml/reader.py",
                    "faults += withheld(found, text) if found else ()",
                    "faults += found",
                    "spec/test_golden.py"
                    "::test_the_report_is_this_to_the_letter[secret-in-a-syntax-error]",
                ),
                Guard(
                    "spec/schema/check.py",
                    "return replace(fault, excerpt=key != SECRETS)",
                    "return fault",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[instead]",
                ),
            ),
        ),
        Fault(
            "a value that YAML 1.1 and 1.2 read differently, in a spec",
            "refused, and the quoted form suggested",
            (
                Guard(
                    "spec/schema/check.py",
                    'faults += dict.fromkeys(doubts(sound, {"schema": schema}))',
                    "pass",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[ambiguous]",
                ),
                Guard(
                    "spec/yaml/reader.py",
                    "(reason := doubt(node))",
                    '(reason := "")',
                    "spec/test_scalar.py::test_a_key_that_is_no_text_to_all_is_refused",
                ),
            ),
        ),
        Fault(
            "such a value in a file of variables",
            "rendered as it was written; as a condition or a number, refused",
            (
                Guard(
                    "spec/yaml/reader.py",
                    "doubtful = self._as_written and",
                    "doubtful = False and",
                    "spec/test_scalar.py"
                    "::test_what_files_of_variables_say_is_taken_as_it_is_written",
                ),
                Guard(
                    "builder/render/render.py",
                    "variables = with_doubts(variant.variables, variant.doubtful)",
                    "variables = variant.variables",
                    "builder/test_render.py::test_no_condition_and_no_sum_is_made_of_it",
                ),
            ),
        ),
        Fault(
            "a template that prints an object of Python: a generator, a method, bytes",
            "refused with template and line, and what to write",
            (
                Guard(
                    "builder/render/sandbox.py",
                    "elif not isinstance(each, _WITH_TEXT):",
                    "elif False:",
                    "builder/test_printable.py::test_what_has_no_text_of_its_own_is_not_printed",
                ),
                Guard(
                    "builder/render/sandbox.py",
                    "if found := _ADDRESS.search(text):",
                    "if found := None:",
                    "builder/test_printable.py::test_no_text_with_an_address_is_made_of_it",
                ),
            ),
        ),
        Fault(
            "what systemd or launchd would read otherwise: what is no character, blanks at an end",
            "refused, or spelt so that it is read as it is",
            (
                Guard(
                    "artifact/model/package.py",
                    "\\ud800-\\udfff{NO_CHARACTERS}]",
                    "\\ud800-\\udfff]",
                    "artifact/test_plist.py::"
                    "test_every_character_that_a_text_may_have_comes_back_from_a_property_list",
                ),
                Guard(
                    "artifact/units.py",
                    "{'/.' if directory.endswith(' ') else ''}",
                    "",
                    "artifact/test_unit.py::test_blanks_around_a_directory_are_of_its_name",
                ),
                Guard(
                    "artifact/model/device.py",
                    " and not _COMMENT.search(written)",
                    "",
                    "artifact/test_device.py::test_what_is_no_such_file_is_told",
                ),
            ),
        ),
        Fault(
            "a hook or a service's program that names nothing to run it, or a link that leads to"
            " nothing in the package",
            REFUSED,
            (
                Guard(
                    "builder/collect/checks.py",
                    "        yield from _begins(service, key, path, item)\n",
                    "        yield from ()\n",
                    "builder/test_programs.py::test_a_program_that_nothing_would_run_is_told",
                ),
                Guard(
                    "builder/render/render.py",
                    "faults = [*checks.rendered_faults(variant, contents)]",
                    "pass",
                    "builder/test_programs.py"
                    "::test_a_program_that_is_made_of_a_template_is_looked_at_once_it_is_made",
                ),
                Guard(
                    "builder/collect/checks.py",
                    "lambda head: not _NAMES.match(head),",
                    "lambda head: False,",
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "builder/collect/checks.py",
                    'lambda head: b"\\r" in _first(head),',
                    "lambda head: False,",
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "builder/collect/checks.py",
                    'lambda head: not _named(head)[0].startswith(b"/"),',
                    "lambda head: False,",
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "builder/collect/checks.py",
                    "lambda head: _hands_on_words(*_named(head)),",
                    "lambda head: False,",
                    "builder/test_specs.py"
                    "::test_a_hook_that_the_target_could_not_run_is_told_at_its_line",
                ),
                Guard(
                    "builder/collect/checks.py",
                    "yield _link_fault(item, content, end, items)",
                    "yield from ()",
                    "builder/test_situations.py::test_a_situation_has_its_fault",
                ),
                Guard(
                    "builder/collect/checks.py",
                    "above is not None and above.type == DIR and above.path not in full",
                    "above is not None",
                    "builder/test_situations.py::test_a_situation_has_its_fault",
                ),
            ),
        ),
        Fault(
            "`..` or an absolute path as source, destination, template, hook or link",
            REFUSED,
            (
                Guard(
                    "spec/schema/rules.py",
                    '("leaves its root by .." if ".." in path.split("/") else "")',
                    '""',
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-path]",
                ),
                Guard(
                    "spec/schema/rules.py",
                    'if target.startswith("/"):',
                    "if False:",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[bad-path]",
                ),
                Guard(
                    "builder/collect/expand.py",
                    "if self.sources.leads_out(entered):",
                    "if False:",
                    "builder/test_layout.py::test_a_source_that_is_not_there_is_told_at_its_line",
                ),
                Guard(
                    "builder/collect/layout.py",
                    "if leads_out(Path(), part.source):",
                    "if False:",
                    "builder/test_specs.py::test_a_hook_must_be_a_file_of_the_project",
                ),
                Guard(
                    "spec/resolve/inputs.py",
                    "if leads_out(self.root, file):",
                    "if False:",
                    "spec/test_load.py::test_nothing_outside_the_project_is_read",
                ),
            ),
        ),
        Fault(
            "a template with an unknown name, a way to Python, a loop without end, or too much",
            "refused with template, line and column; nothing runs outside the sandbox",
            (
                Guard(
                    "builder/render/sandbox.py",
                    "            undefined=ReportingUndefined,\n",
                    "",
                    "builder/test_undefined.py::"
                    "test_a_use_is_told_where_the_name_stands_and_is_not_the_end",
                ),
                Guard(
                    "builder/render/sandbox.py",
                    "from jinja2.sandbox import ImmutableSandboxedEnvironment",
                    "from jinja2 import Environment as ImmutableSandboxedEnvironment",
                    "builder/test_render.py::test_no_way_leads_to_python",
                ),
                Guard(
                    "builder/render/render.py",
                    "resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))",
                    "pass",
                    "builder/test_limits.py::test_work_without_end_is_ended",
                ),
                Guard(
                    "builder/render/render.py",
                    "resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))",
                    "pass",
                    "builder/test_limits.py::test_memory_is_bounded",
                ),
            ),
        ),
        Fault(
            "a template that includes what is missing, or lies outside the project",
            "refused with template, line and column",
            (
                Guard(
                    "builder/render/sandbox.py",
                    "if leads_out(Path(), template):",
                    "if False:",
                    "builder/test_render.py::test_nothing_is_included_from_outside_the_project",
                ),
                Guard(
                    "builder/render/render.py",
                    "                self._tell_missing(name, Line.of(template, reference.lineno))",
                    "                pass",
                    "builder/test_render.py::test_all_other_templates_that_cannot_be_read_are_told_at_once",
                ),
            ),
        ),
    ),
)
