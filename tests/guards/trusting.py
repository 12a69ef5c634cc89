"""The faults of signatures and of lists of keys, made by accident or on purpose."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gives, gone, uncaught

NOTHING = "one line says why; nothing is installed, and nothing of the artifact is parsed"
SSHSIG = "artifact/signature/test_sshsig.py"
AGAIN = "told by name; nothing is signed or numbered wrongly"


def signature(mark: str, case: str) -> Guard:
    """A check of the format of a signature, and a signature that only it refuses."""
    name = "test_what_is_not_quite_a_signature_is_refused"
    return Guard(mark, false, f"artifact/signature/test_sshsig.py::{name}[{case}]")


def refused(mark: str, case: str) -> Guard:
    """A check of a release, and a release that only it refuses."""
    name = "test_what_nobody_trusted_has_signed_is_refused"
    return Guard(mark, false, f"installer/test_signed.py::{name}[{case}]")


def point(mark: str, test: str) -> Guard:
    """A check of Ed25519's encodings."""
    return Guard(mark, false, f"artifact/signature/test_ed25519.py::{test}")


def line(mark: str, case: str) -> Guard:
    """A check of a line of allowed_signers."""
    name = "test_a_line_that_is_none_is_told_with_its_number"
    return Guard(mark, false, f"artifact/signature/test_signers.py::{name}[{case}]")


TRUSTING = Group(
    "Trusting",
    (
        Fault(
            "a signature is cut off, spelt otherwise, of another kind, or for something else",
            NOTHING,
            (
                signature("length-of-a-signature", "oversized"),
                signature("end-of-a-signature", "bytes after"),
                signature("line-of-a-signature", "an empty line"),
                signature("canonical-base64", "spelt otherwise"),
                signature("version-of-a-signature", "version"),
                signature("namespace-of-a-signature", "namespace"),
                signature("reserved-in-a-signature", "reserved"),
                signature("hash-of-a-signature", "hash"),
                signature("kind-of-a-key", "kind of key"),
                signature("kind-of-a-signature", "kind of signature"),
                signature("field-cut-off", "a huge field"),
                signature("bytes-after-a-signature", "more bytes"),
                Guard(
                    "somebody-was-present",
                    false,
                    "artifact/signature/test_sshsig.py::"
                    "test_a_security_key_that_nobody_touched_does_not[0]",
                ),
                Guard(
                    "verifier-of-our-own",
                    false,
                    "artifact/signature/test_sshsig.py::test_what_openssh_alone_accepts_is_refused",
                ),
                Guard(
                    "verifiers-that-disagree",
                    false,
                    "artifact/signature/test_sshsig.py::test_what_openssh_alone_refuses_is_told",
                ),
                point("canonical-signature", "test_the_same_number_spelt_otherwise_fails"),
                point("canonical-point", "test_a_coordinate_that_is_too_large_is_no_point"),
                point("point-of-small-order", "test_a_key_of_small_order_signs_nothing"),
            ),
            (
                f"{SSHSIG}::test_none_of_a_hundred_thousand_mutations_is_accepted",
                f"{SSHSIG}::test_openssh_accepts_nothing_that_is_refused_here_nor_the_other_way",
            ),
        ),
        Fault(
            "a release is unsigned, exchanged, or signed by a key that is not trusted",
            NOTHING,
            (
                Guard(
                    "unsigned-release",
                    uncaught,
                    "installer/test_signed.py::"
                    "test_what_nobody_trusted_has_signed_is_refused[no signature]",
                ),
                Guard(
                    "signature-comes-first",
                    uncaught,
                    "installer/test_signed.py::"
                    "test_what_nobody_trusted_has_signed_is_refused[no signature]",
                ),
                refused("unknown-key", "another key"),
                refused("signature-that-fails", "other sums"),
                refused("head-of-sums", "sums with a strange head"),
                refused("signed-without-a-name", "sums that name nothing"),
                refused("signed-manifest", "another platform"),
                Guard(
                    "signed-package",
                    false,
                    "installer/test_signed.py::test_sums_that_name_another_package_are_refused",
                ),
                Guard(
                    "key-from-elsewhere",
                    false,
                    "installer/test_signed.py::"
                    "test_a_key_that_came_with_the_package_proves_nothing",
                ),
                Guard(
                    "key-of-another-package",
                    false,
                    "installer/test_signed.py::test_a_key_signs_the_packages_it_may",
                ),
                Guard(
                    "statement-that-differs",
                    false,
                    "plugin/test_provenance.py::test_it_is_among_what_is_verified",
                ),
            ),
        ),
        Fault(
            "a release was built from another commit or repository, or from edited sources",
            "told, where somebody says what is expected",
            (
                Guard(
                    "statement-of-something-else",
                    false,
                    "plugin/test_provenance.py::"
                    "test_a_statement_about_another_artifact_proves_nothing",
                ),
                Guard(
                    "commit-that-is-expected",
                    false,
                    "plugin/test_provenance.py::"
                    "test_it_is_held_against_the_commit_that_is_expected",
                ),
                Guard(
                    "clean-commit-is-expected",
                    false,
                    "plugin/test_provenance.py::"
                    "test_it_is_held_against_the_commit_that_is_expected",
                ),
                Guard(
                    "repository-that-is-expected",
                    false,
                    "plugin/test_provenance.py::"
                    "test_it_is_held_against_the_repository_that_is_expected",
                ),
            ),
        ),
        Fault(
            "a key was revoked, or an old release, or one for another platform is offered",
            NOTHING,
            (
                Guard(
                    "revoked-key",
                    false,
                    "installer/test_signed.py::test_a_revoked_key_counts_no_more",
                ),
                Guard(
                    "older-in-sequence",
                    false,
                    "installer/test_signed.py::"
                    "test_an_older_release_is_refused_whatever_its_version",
                ),
                Guard(
                    "same-in-sequence",
                    false,
                    "installer/test_signed.py::test_another_release_of_the_same_number_is_refused",
                ),
                Guard(
                    "signed-for-another-platform",
                    false,
                    "installer/test_signed.py::test_a_release_for_another_platform_is_refused",
                ),
                Guard(
                    "signed-rollback",
                    uncaught,
                    "installer/test_signed.py::test_a_rollback_goes_to_what_was_signed",
                ),
            ),
        ),
        Fault(
            "others can write the list of keys, or it has lines that mean something else",
            NOTHING,
            (
                Guard(
                    "keys-that-others-write",
                    false,
                    "installer/test_signed.py::"
                    "test_keys_that_others_can_write_are_not_trusted[allowed_signers-open_to_all]",
                ),
                Guard(
                    "keys-by-a-link",
                    false,
                    "installer/test_signed.py::test_a_list_that_is_a_link_is_told_to_be_one",
                ),
                line("options-of-a-signer", "certificate"),
                Guard(
                    "whole-key",
                    false,
                    "artifact/signature/test_signers.py::"
                    "test_a_number_that_is_spelt_otherwise_would_be_another_key",
                ),
                line("kind-beside-a-key", "another kind"),
                Guard(
                    "length-of-a-list-of-keys",
                    false,
                    "artifact/signature/test_signers.py::test_lists_are_bounded",
                ),
                Guard(
                    "package-that-is-not-meant",
                    false,
                    "artifact/signature/test_signers.py::test_patterns_are_those_of_ssh[case7]",
                ),
                Guard(
                    "namespace-of-a-signer",
                    gives(True),
                    "artifact/signature/test_signers.py::"
                    "test_a_key_for_something_else_is_not_a_signer_of_packages",
                ),
            ),
        ),
        Fault(
            "a release is signed by the wrong program, or numbered by a damaged file",
            AGAIN,
            (
                Guard(
                    "signature-checked",
                    false,
                    "plugin/test_signing.py::test_a_program_that_signs_with_something_else_is_told",
                ),
                Guard(
                    "stale-signature",
                    gone,
                    "plugin/test_signing.py::"
                    "test_a_signature_of_what_was_there_before_does_not_stay",
                ),
                Guard(
                    "number-that-grows",
                    false,
                    "plugin/test_signing.py::test_a_number_from_outside",
                ),
                Guard(
                    "damaged-numbers",
                    uncaught,
                    "plugin/test_signing.py::test_a_damaged_file_of_numbers_is_told[[]]",
                ),
            ),
        ),
    ),
)
