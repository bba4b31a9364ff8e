# SPDX-License-Identifier: Apache-2.0
"""Behaviours that are known not to be as on Linux yet, each with its reason; docs/STATUS.md names them.

They run all the same, and one that begins to pass fails the suite until its line here goes.
"""

SOCKETS = "sockets are not there yet: every socket call is ENOSYS"

# end of a test's id -> reason
GAPS = {
    "eventfd-socketpair_stream_is_bidirectional": SOCKETS,
    "eventfd-socketpair_datagram_keeps_boundaries": SOCKETS,
    "eventfd-socketpair_passes_descriptors": SOCKETS,
    "errno_bad_fd-bad_descriptor_is_ebadf_in_every_call": SOCKETS,
    "errno_bad_fd-negative_descriptor_is_ebadf_in_every_call": SOCKETS,
    "errno_bad_fd-huge_descriptor_is_ebadf_in_every_call": SOCKETS,
    "errno_bad_pointer-low_pointer_is_efault": SOCKETS,
    "errno_bad_pointer-kernel_pointer_is_efault": SOCKETS,
    "errno_bad_pointer-non_canonical_pointer_is_efault": SOCKETS,
    "errno_bad_pointer-unmapped_pointer_is_efault": SOCKETS,
    "errno_bad_pointer-end_of_user_space_pointer_is_efault": SOCKETS,
    "asyncio": SOCKETS,
    "selectors_socketpair": SOCKETS,
}

# The same, where the reason is the machine: may pass elsewhere.
MACHINE_GAPS = {}


def reason(name):
    """(reason, strict) for a test's id, or None."""
    for table, strict in ((GAPS, True), (MACHINE_GAPS, False)):
        for end, why in table.items():
            if name.rstrip("]").endswith(end):
                return why, strict
    return None
