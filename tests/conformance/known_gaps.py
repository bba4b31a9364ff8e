# SPDX-License-Identifier: Apache-2.0
"""Behaviours that are known not to be as on Linux yet, each with its reason; docs/STATUS.md names them.

They run all the same, and one that begins to pass fails the suite until its line here goes.
"""

# end of a test's id -> reason
GAPS = {}

# The same, where the reason is the machine: may pass elsewhere.
MACHINE_GAPS = {}


def reason(name):
    """(reason, strict) for a test's id, or None."""
    for table, strict in ((GAPS, True), (MACHINE_GAPS, False)):
        for end, why in table.items():
            if name.rstrip("]").endswith(end):
                return why, strict
    return None
