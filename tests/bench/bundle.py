# SPDX-License-Identifier: Apache-2.0
"""What crun needs to start a command in a root directory: config.json of the OCI runtime specification, and the command for it."""

MOUNTS = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
)
NAMESPACES = ("pid", "ipc", "uts", "mount", "network")


def config(command, root="rootfs", cwd="/", mounts=()):
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": command,
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": str(cwd),
        },
        "root": {"path": str(root)},
        "mounts": [*MOUNTS, *mounts],
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES]},
    }


def start(bundle, name):
    return ["crun", "--cgroup-manager=disabled", "run", "-b", str(bundle), name]
