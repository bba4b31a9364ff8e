# SPDX-License-Identifier: Apache-2.0
"""Untrusted programs in sandboxes: libsandbox (sandbox.h) from Python, by ctypes.

    result = run("echo", "hi")                      # Result(end=End.EXITED, exit_code=0, stdout=b"hi\\n", …)
    with Sandbox("python3", "-c", code, wall=2) as s:
        result = s.wait()
    result = await Sandbox("sleep", "1").wait_async()   # the loop watches sb_fd
    with Template("python3", "-c", code) as t:
        result = t.call(b"one")                         # a clone, from where the program first reads its stdin

A Sandbox or Template may be used by several threads, close() excepted. LIBSANDBOX names the library; else it is looked for as others are.
"""

from __future__ import annotations

import asyncio
import ctypes
import enum
import math
import os
import select
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Mapping, Optional, Sequence, Union

_P, _S, _U32, _U64, _I32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int32
_OK, _RUNNING = 0, 1
_NULL, _FD, _MEMORY = 0, 1, 2
_POLL_MAX = (1 << 31) - 1


class _Stream(ctypes.Structure):
    _fields_ = [("kind", _U32), ("fd", _I32), ("data", _S), ("size", ctypes.c_size_t), ("limit", ctypes.c_size_t),
                ("read", _P), ("write", _P), ("arg", _P), ("reserved", _U64 * 2)]


class _Mount(ctypes.Structure):
    _fields_ = [("kind", _U32), ("reserved0", _U32), ("source", _S), ("target", _S), ("size", _U64), ("reserved", _U64 * 2)]


class _File(ctypes.Structure):
    _fields_ = [("kind", _U32), ("mode", _U32), ("path", _S), ("data", _S), ("size", ctypes.c_size_t),
                ("limit", ctypes.c_size_t), ("reserved", _U64 * 2)]


class _Config(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("executable", _S), ("program", _S), ("args", ctypes.POINTER(_S)),
                ("env", ctypes.POINTER(_S)), ("env_clear", _U32), ("require_vm", _U32), ("strict", _U32), ("reserved0", _U32),
                ("cwd", _S), ("user", _S), ("root", _S), ("image", _S), ("in_", _Stream), ("out", _Stream), ("err", _Stream),
                ("mounts", ctypes.POINTER(_Mount)), ("nmounts", ctypes.c_size_t), ("files", ctypes.POINTER(_File)),
                ("nfiles", ctypes.c_size_t), ("memory", _U64), ("cpus", _U32), ("processes", _U32), ("wall_ns", _U64),
                ("cpu_ns", _U64), ("output", _U64), ("file_size", _U64), ("accept", _S)]


class _CloneConfig(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("in_", _Stream), ("out", _Stream), ("err", _Stream), ("wall_ns", _U64), ("output", _U64),
                ("cpu_ns", _U64)]


class _Denial(ctypes.Structure):
    _fields_ = [("operation", _S), ("path", _S), ("allowed_by", _S)]


class _Result(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("end", _U32), ("exit_code", _I32), ("signal", _I32), ("reserved0", _U32),
                ("message", _S), ("wall_ns", _U64), ("start_ns", _U64), ("cpu_ns", _U64), ("memory_peak", _U64),
                ("output", _U64), ("denials", ctypes.POINTER(_Denial)), ("ndenials", ctypes.c_size_t), ("denials_total", _U64)]


def _load() -> ctypes.CDLL:
    lib = ctypes.CDLL(os.environ.get("LIBSANDBOX") or "libsandbox.so.0")
    error = ctypes.POINTER(_P)
    calls = {
        "sb_start": (ctypes.c_int, [ctypes.POINTER(_Config), ctypes.POINTER(_P), error]),
        "sb_free": (None, [_P]),
        "sb_fd": (ctypes.c_int, [_P]),
        "sb_dispatch": (ctypes.c_int, [_P, error]),
        "sb_kill": (ctypes.c_int, [_P, error]),
        "sb_pause": (ctypes.c_int, [_P, error]),
        "sb_resume": (ctypes.c_int, [_P, error]),
        "sb_get_result": (ctypes.c_int, [_P, ctypes.POINTER(_Result), error]),
        "sb_output": (_P, [_P, ctypes.c_int, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int)]),
        "sb_file_data": (_P, [_P, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int)]),
        "sb_snapshot": (ctypes.c_int, [ctypes.POINTER(_Config), _S, ctypes.c_uint, ctypes.POINTER(_P), error]),
        "sb_restore": (ctypes.c_int, [_S, ctypes.POINTER(_Config), ctypes.POINTER(_P), error]),
        "sb_template_start": (ctypes.c_int, [ctypes.POINTER(_Config), ctypes.c_int, ctypes.POINTER(_P), error]),
        "sb_template_free": (None, [_P]),
        "sb_template_warm": (ctypes.c_int, [_P, ctypes.c_uint, error]),
        "sb_clone": (ctypes.c_int, [_P, ctypes.POINTER(_CloneConfig), ctypes.POINTER(_P), error]),
        "sb_reset": (ctypes.c_int, [_P, _P, ctypes.POINTER(_CloneConfig), error]),
        "sb_error_code": (ctypes.c_int, [_P]),
        "sb_error_text": (_S, [_P]),
        "sb_error_cause": (_P, [_P]),
        "sb_error_free": (None, [_P]),
    }
    for name, (result, arguments) in calls.items():
        call = getattr(lib, name)
        call.restype, call.argtypes = result, arguments
    return lib


_lib = _load()


class Code(enum.IntEnum):
    """Of enum sb_code, those that are errors."""

    INVALID = 2
    UNSUPPORTED = 3
    NO_MEMORY = 4
    SYSTEM = 5
    NOT_FOUND = 6
    BUSY = 7
    ENDED = 8


class SandboxError(Exception):
    """Its __cause__ is the library's cause."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = Code(code)


class End(enum.IntEnum):
    EXITED = 0
    SIGNALLED = 1
    WALL_TIME = 2
    CPU_TIME = 3
    OUTPUT = 4
    MEMORY = 5
    KILLED = 6
    NOT_STARTED = 7
    FAILED = 8
    SNAPSHOT = 9


@dataclass(frozen=True)
class Mount:
    """A directory or file of the host at target; without a source one in memory, of at most size bytes."""

    source: Optional[str] = None
    target: Optional[str] = None
    writable: bool = False
    size: int = 0


@dataclass(frozen=True)
class Denial:
    operation: str
    path: str
    allowed_by: Optional[str]


@dataclass(frozen=True)
class Result:
    end: End
    exit_code: int
    signal: int
    message: Optional[str]
    wall: float
    start: float
    cpu: float
    memory_peak: int
    output: int
    denials: Sequence[Denial]
    stdout: Optional[bytes]
    stderr: Optional[bytes]
    truncated: bool  # of stdout, stderr or a file
    files: Mapping[str, bytes]


def _text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else os.fsdecode(value)


def _exception(error: Optional[int]) -> Optional[SandboxError]:
    if not error:
        return None
    made = SandboxError(_lib.sb_error_code(error), _text(_lib.sb_error_text(error)) or "")
    made.__cause__ = _exception(_lib.sb_error_cause(error))
    return made


def _check(code: int, error: _P) -> int:
    if code in (_OK, _RUNNING):
        return code
    try:
        raise _exception(error.value) or SandboxError(code, "error without a word")
    finally:
        _lib.sb_error_free(error)


def _words(words: Sequence[str]):
    return (_S * (len(words) + 1))(*[os.fsencode(w) for w in words], None)


def _path(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else os.fsencode(value)


def _configuration(program: str, args: Sequence[str], *, mounts: Sequence[Mount], files: Optional[Mapping[str, bytes]],
                   programs: Optional[Mapping[str, bytes]], take: Sequence[str] = (), env: Optional[Mapping[str, str]],
                   cwd: Optional[str], user: Optional[str], root: Optional[str], image: Optional[str], wall: float,
                   executable: Optional[str], accept: Optional[str] = None, **numbers: int) -> _Config:
    """Files to be taken come last."""
    given = [(path, data, 0o644) for path, data in (files or {}).items()]
    given += [(path, data, 0o755) for path, data in (programs or {}).items()]
    list_of_files = (_File * (len(given) + len(take)))(
        *[_File(0, mode, _path(path), data, len(data)) for path, data, mode in given],
        *[_File(1, 0o666, _path(path)) for path in take])
    list_of_mounts = (_Mount * len(mounts))(
        *[_Mount(2 if m.source is None else int(m.writable), 0, _path(m.source), _path(m.target), m.size) for m in mounts])
    return _Config(size=ctypes.sizeof(_Config), executable=_path(executable), program=os.fsencode(program), args=_words(args),
                   env=_words([f"{k}={v}" for k, v in (env or {}).items()]), cwd=_path(cwd), user=_path(user), root=_path(root),
                   image=_path(image), mounts=list_of_mounts, nmounts=len(mounts), files=list_of_files,
                   nfiles=len(list_of_files), wall_ns=int(wall * 1e9), accept=_path(accept), **numbers)


def _set_streams(c: Union[_Config, _CloneConfig], stdin: Union[bytes, int, None], stdout: Optional[int], stderr: Optional[int],
                 limit: int) -> None:
    if isinstance(stdin, int):
        c.in_ = _Stream(kind=_FD, fd=stdin)
    elif stdin is not None:
        c.in_ = _Stream(kind=_MEMORY, data=stdin, size=len(stdin))
    c.out, c.err = [_Stream(kind=_MEMORY, limit=limit) if fd is None else _Stream(kind=_FD, fd=fd) for fd in (stdout, stderr)]


def _clone_configuration(stdin: Union[bytes, int, None], stdout: Optional[int], stderr: Optional[int], limit: int, wall: float,
                         output: int, cpu: float) -> _CloneConfig:
    c = _CloneConfig(size=ctypes.sizeof(_CloneConfig), wall_ns=int(wall * 1e9), output=output, cpu_ns=int(cpu * 1e9))
    _set_streams(c, stdin, stdout, stderr, limit)
    return c


class Sandbox:
    """One program. Input is bytes, a descriptor, or nothing; output is collected up to `limit` bytes, or goes to descriptors,
    where `output`, the limit of its bytes, does not count it."""

    _handle: Optional[int] = None
    _template: Optional[Template] = None

    def __init__(self, program: str, *args: str, stdin: Union[bytes, int, None] = None, stdout: Optional[int] = None,
                 stderr: Optional[int] = None, limit: int = 1 << 20, mounts: Sequence[Mount] = (),
                 files: Optional[Mapping[str, bytes]] = None, programs: Optional[Mapping[str, bytes]] = None,
                 take: Sequence[str] = (), env: Optional[Mapping[str, str]] = None, env_clear: bool = False,
                 cwd: Optional[str] = None, user: Optional[str] = None, root: Optional[str] = None, image: Optional[str] = None,
                 memory: int = 0, cpus: int = 0, processes: int = 0, wall: float = 0, cpu: float = 0, output: int = 0,
                 file_size: int = 0, require_vm: bool = False, strict: bool = False, executable: Optional[str] = None):
        self._taken = {len(files or {}) + len(programs or {}) + i: path for i, path in enumerate(take)}
        c = _configuration(program, args, mounts=mounts, files=files, programs=programs, take=take, env=env, cwd=cwd, user=user,
                           root=root, image=image, wall=wall, executable=executable, env_clear=env_clear, require_vm=require_vm,
                           strict=strict, memory=memory, cpus=cpus, processes=processes, cpu_ns=int(cpu * 1e9), output=output,
                           file_size=file_size)
        _set_streams(c, stdin, stdout, stderr, limit)
        handle, error = _P(), _P()
        _check(_lib.sb_start(c, handle, error), error)
        self._handle = handle.value

    @classmethod
    def snapshot(cls, path: str, program: str, *args: str, compress: bool = False, stdout: Optional[int] = None,
                 stderr: Optional[int] = None, limit: int = 1 << 20, mounts: Sequence[Mount] = (),
                 env: Optional[Mapping[str, str]] = None, env_clear: bool = False, cwd: Optional[str] = None,
                 user: Optional[str] = None, root: Optional[str] = None, image: Optional[str] = None, memory: int = 0,
                 cpus: int = 0, processes: int = 0, wall: float = 0, cpu: float = 0, output: int = 0, file_size: int = 0,
                 require_vm: bool = False, strict: bool = False, executable: Optional[str] = None) -> Sandbox:
        """The program up to where it first asks for its stdin, in a file at the absolute path: End.SNAPSHOT if it is there. `wall` is
        for it to come so far."""
        c = _configuration(program, args, mounts=mounts, files=None, programs=None, env=env, cwd=cwd, user=user, root=root,
                           image=image, wall=wall, executable=executable, env_clear=env_clear, require_vm=require_vm,
                           strict=strict, memory=memory, cpus=cpus, processes=processes, cpu_ns=int(cpu * 1e9), output=output,
                           file_size=file_size)
        _set_streams(c, None, stdout, stderr, limit)
        handle, error = _P(), _P()
        _check(_lib.sb_snapshot(c, os.fsencode(path), int(compress), handle, error), error)
        return cls._of(handle.value)

    @classmethod
    def restore(cls, path: str, stdin: Union[bytes, int, None] = None, stdout: Optional[int] = None, stderr: Optional[int] = None,
                limit: int = 1 << 20, wall: float = 0, output: int = 0, cpu: float = 0, executable: Optional[str] = None) -> Sandbox:
        """Goes on from a snapshot. One that cannot is End.NOT_STARTED."""
        c = _Config(size=ctypes.sizeof(_Config), executable=_path(executable), wall_ns=int(wall * 1e9), output=output,
                    cpu_ns=int(cpu * 1e9))
        _set_streams(c, stdin, stdout, stderr, limit)
        handle, error = _P(), _P()
        _check(_lib.sb_restore(os.fsencode(path), c, handle, error), error)
        return cls._of(handle.value)

    @classmethod
    def _of(cls, handle: Optional[int], template: Optional[Template] = None) -> Sandbox:
        made = cls.__new__(cls)
        made._handle, made._taken, made._template = handle, {}, template
        return made

    def _call(self, name: str, *args: int) -> int:
        if self._handle is None:
            raise ValueError("the sandbox is closed")
        error = _P()
        return _check(getattr(_lib, name)(self._handle, *args, error), error)

    def fileno(self) -> int:
        """Readable when dispatch() has something to do, and when all is over."""
        if self._handle is None:
            raise ValueError("the sandbox is closed")
        return _lib.sb_fd(self._handle)

    def dispatch(self) -> bool:
        """Does what there is to do; True when all is over."""
        return self._call("sb_dispatch") == _OK

    def wait(self, timeout: Optional[float] = None) -> Result:
        """TimeoutError if it has not ended by then; 0 or less: it must have ended. Signal handlers run meanwhile: Ctrl-C ends it."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while not self.dispatch():
            left = end - time.monotonic()
            if not left > 0:
                raise TimeoutError("the sandbox has not ended")
            poll.poll(min(math.ceil(left * 1000), _POLL_MAX) if left < math.inf else None)
        return self.result()

    async def wait_async(self) -> Result:
        """In the running loop, which goes on meanwhile."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        fd, failure = self.fileno(), []

        def ready() -> None:
            try:
                if self.dispatch():
                    done.set()
            except Exception as e:  # handed to who waits
                failure.append(e)
                done.set()

        loop.add_reader(fd, ready)
        try:
            await done.wait()
        finally:
            loop.remove_reader(fd)
        if failure:
            raise failure[0]
        return self.result()

    def kill(self) -> None:
        self._call("sb_kill")

    def pause(self) -> None:
        self._call("sb_pause")

    def resume(self) -> None:
        self._call("sb_resume")

    def reset(self, stdin: Union[bytes, int, None] = None, stdout: Optional[int] = None, stderr: Optional[int] = None,
              limit: int = 1 << 20, wall: float = 0, output: int = 0, cpu: float = 0) -> None:
        """A clone becomes a fresh one of its template, with streams and limits as of Template.clone; what it was is ended, its
        fileno() stays. No other call may be in progress."""
        if self._template is None:
            raise ValueError("the sandbox is no clone")
        c = _clone_configuration(stdin, stdout, stderr, limit, wall, output, cpu)
        self._call("sb_reset", self._template._open(), ctypes.byref(c))

    def _data(self, name: str, which: int) -> tuple[Optional[bytes], bool]:
        size, more = ctypes.c_size_t(), ctypes.c_int()
        data = getattr(_lib, name)(self._handle, which, size, more)
        return (ctypes.string_at(data, size.value) if data else None), bool(more.value)

    def result(self) -> Result:
        """When all is over."""
        r = _Result(size=ctypes.sizeof(_Result))
        if self._call("sb_get_result", ctypes.byref(r)) == _RUNNING:
            raise ValueError("the sandbox has not ended")
        (out, more_out), (err, more_err) = self._data("sb_output", 1), self._data("sb_output", 2)
        taken = {path: self._data("sb_file_data", index) for index, path in self._taken.items()}
        denials = [Denial(_text(d.operation) or "", _text(d.path) or "", _text(d.allowed_by)) for d in r.denials[: r.ndenials]]
        return Result(End(r.end), r.exit_code, r.signal, _text(r.message), r.wall_ns / 1e9, r.start_ns / 1e9, r.cpu_ns / 1e9,
                      r.memory_peak, r.output, denials, out, err, more_out or more_err or any(m for _, m in taken.values()),
                      {path: data or b"" for path, (data, _) in taken.items()})

    def close(self) -> None:
        """Ends it if need be. No other call may be in progress."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _lib.sb_free(handle)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    async def __aenter__(self) -> Sandbox:
        return self

    async def __aexit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class Template:
    """A program that stopped where it first asked for its stdin: clones go on from there. `timeout` is for it to come so far
    (Ctrl-C waits for that), `wall` and `cpu` the limits of each clone. SandboxError(ENDED) if it does not. `accept`: the program is
    a server that accepts connections by itself, at this port, at "unix:" and a path, or "" for its only one: each clone is given
    one, which its streams are."""

    _handle: Optional[int] = None

    def __init__(self, program: str, *args: str, timeout: Optional[float] = 60, mounts: Sequence[Mount] = (),
                 files: Optional[Mapping[str, bytes]] = None, programs: Optional[Mapping[str, bytes]] = None,
                 env: Optional[Mapping[str, str]] = None, env_clear: bool = False, cwd: Optional[str] = None,
                 user: Optional[str] = None, root: Optional[str] = None, image: Optional[str] = None, memory: int = 0,
                 cpus: int = 0, processes: int = 0, wall: float = 0, file_size: int = 0, require_vm: bool = False,
                 strict: bool = False, executable: Optional[str] = None, cpu: float = 0, accept: Optional[str] = None):
        self._warm = 0
        c = _configuration(program, args, mounts=mounts, files=files, programs=programs, env=env, cwd=cwd, user=user, root=root,
                           image=image, wall=wall, executable=executable, env_clear=env_clear, require_vm=require_vm,
                           strict=strict, memory=memory, cpus=cpus, processes=processes, file_size=file_size,
                           cpu_ns=int(cpu * 1e9), accept=accept)
        handle, error = _P(), _P()
        timeout_ms = -1 if timeout is None else min(math.ceil(timeout * 1000), _POLL_MAX)
        _check(_lib.sb_template_start(c, timeout_ms, handle, error), error)
        self._handle = handle.value

    def _open(self) -> int:
        if self._handle is None:
            raise ValueError("the template is closed")
        return self._handle

    def clone(self, stdin: Union[bytes, int, None] = None, stdout: Optional[int] = None, stderr: Optional[int] = None,
              limit: int = 1 << 20, wall: float = 0, output: int = 0, cpu: float = 0) -> Sandbox:
        """Streams and limits as of Sandbox. It may outlive the template."""
        c = _clone_configuration(stdin, stdout, stderr, limit, wall, output, cpu)
        handle, error = _P(), _P()
        _check(_lib.sb_clone(self._open(), c, handle, error), error)
        return Sandbox._of(handle.value, self)

    def call(self, request: bytes, limit: int = 1 << 20, wall: float = 0, output: int = 0, cpu: float = 0) -> Result:
        """A clone from its start to its end, with request as its stdin."""
        with self.clone(request, limit=limit, wall=wall, output=output, cpu=cpu) as s:
            if self._warm:
                _lib.sb_template_warm(self._handle, self._warm, None)  # while it works; the next one may make its own
            return s.wait()

    def warm(self, n: int) -> None:
        """From now on n clones wait for their input, made in advance; those that call() takes are made again by it."""
        error = _P()
        _check(_lib.sb_template_warm(self._open(), n, error), error)
        self._warm = n

    def close(self) -> None:
        """Its clones live on. No other call may be in progress."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _lib.sb_template_free(handle)

    def __enter__(self) -> Template:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def run(program: str, *args: str, **options) -> Result:
    """From the start to the end."""
    with Sandbox(program, *args, **options) as s:
        return s.wait()
