"""Compiled loops kept from run to run, so that only the very first run compiles.

Beside what numba's own cache does: a file has a checksum (damaged machine code would be run), is
of this user, and is written by one process at a time; ten that start at once compile once. Where
nothing can be kept, or what is kept is damaged, the loops are compiled, and that is said once.
"""

import contextlib
import functools
import hashlib
import importlib
import logging
import os
import pickle
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba import njit
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from segment.kernels import places, prepared
from segment.kernels.countdown import countdown
from segment.kernels.inner import Entry, Inner
from segment.kernels.space import check_room

try:
    import fcntl
except ImportError:  # Windows: two that start at once both compile, and the last one's stay
    fcntl = None  # type: ignore[assignment]

__all__ = ["compiled", "is_kept", "where"]

_dumps: Callable[[Any], bytes] = dumps

log = logging.getLogger("segment.kernels")

_MAGIC = b"segment loops 1\n"
_LONGEST_WAIT = 180.0
"""Seconds to wait for a process that compiles; the longest compilation took 40 on two cores."""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return numba's `njit(**options)`, whose results are kept.

    But for what has no entrance from Python: it is in what is kept of its callers.
    """
    inner = options.get("no_cpython_wrapper", False)
    options.setdefault("pipeline_class", Inner if inner else Entry)

    def compile_function(function: Callable[..., Any]) -> Any:
        loop = njit(**options)(function)
        return loop if inner else _keep(loop)

    return compile_function


def _keep(dispatcher: Any) -> Any:
    if not hasattr(dispatcher, "_cache"):
        return dispatcher  # NUMBA_DISABLE_JIT: the plain function
    dispatcher._cache = _Kept(dispatcher.py_func)
    compile_now = dispatcher.compile

    def compile_in_turn(signature: Any) -> Any:
        with _turn:
            return compile_now(signature)

    dispatcher.compile = compile_in_turn
    return dispatcher


@functools.cache
def _sources(source: Path) -> str:
    """Digest of what a loop in the file `source` is made of: it takes in loops of its folder."""
    folder = source.parent
    files = sorted(folder.glob("*.py")) if folder.name == "kernels" else [source]
    # And how they are compiled, which a room says beside or above its kernels.
    files += [above / "compiling.py" for above in source.parents if _says_how(above)]
    try:
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    except OSError:  # in an archive: the bytecode must do
        return ""


def _says_how(folder: Path) -> bool:
    return (folder / "compiling.py").is_file() and (folder / "__init__.py").is_file()


class _Kept(_Cache):
    """What is kept of one function: a file with its compiled forms, one for every signature."""

    def __init__(self, function: Any) -> None:
        code = function.__code__
        source = Path(code.co_filename)
        self._function = function
        self._stamp = (numba.__version__, _sources(source))
        self._called = f"{function.__module__.removeprefix('segment.')}.{function.__qualname__}"
        self._prepared = prepared.digest_of(self._stamp[1], function)
        # By content, so that two checkouts of one version do not take each other's place.
        self._name = _name(self._called, str(code.co_firstlineno), self._stamp[1])
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        found = where()
        return None if found is None else str(found)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept for a signature; None when it has to be compiled, by us alone."""
        _load_arrays()
        target_context.refresh()
        folder = where() if self._enabled else None
        found = None
        if folder is not None:
            key = self._key(sig, target_context.codegen())
            found = self._load(folder, key, target_context)
            if found is None and not _turn.taken and _turn.take(folder):
                # While we waited another process may have compiled it.
                found = self._load(folder, key, target_context)
        if found is None:
            _turn.compiles(self._called)
            found = prepared.find(self._called, self._prepared, sig, target_context)
            if found is not None:
                self.save_overload(sig, found)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, beside what is kept for others."""
        folder = where() if self._enabled else None
        if folder is None or data.lifted or data.library.has_dynamic_globals:
            return
        if recorder is not None:
            recorder.add(self._called, self._prepared, sig, data)
        key = self._key(sig, data.codegen)
        kept = [pair for pair in self._read(folder) if pair[0] != key]
        try:
            whole = (self._stamp, [*kept, (key, _dumps(data._reduce()))])
            _write(self._path(folder), _dumps(whole))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            _give_up(f"cannot be kept in {folder} ({reason.lower()})")

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        folder = where()
        if folder is not None:
            with contextlib.suppress(OSError):
                self._path(folder).unlink(missing_ok=True)

    def _load(self, folder: Path, key: Any, target_context: Any) -> Any:
        for known, payload in self._read(folder):
            if known == key:
                try:
                    rebuild: Any = CompileResult._rebuild
                    return rebuild(target_context, *pickle.loads(payload))
                except Exception as error:  # of whatever kind: it can be compiled anew
                    _tell_damage(self._path(folder), error)
        return None

    def _read(self, folder: Path) -> list[tuple[Any, bytes]]:
        """Return all that is kept and still holds: (key, payload)."""
        path = self._path(folder)
        try:
            with path.open("rb") as file:
                if not places.own(os.fstat(file.fileno())):
                    raise PermissionError("somebody else may have written it")
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            _tell_damage(path, error)
            return []
        start = len(_MAGIC) + hashlib.sha256().digest_size
        body = content[start:]
        if content[:start] != _MAGIC + hashlib.sha256(body).digest():
            _tell_damage(path, ValueError("its checksum does not hold"))
            return []
        try:
            stamp, kept = pickle.loads(body)
        except Exception as error:  # written by other versions of what is in it
            _tell_damage(path, error)
            return []
        return kept if stamp == self._stamp else []

    def _key(self, sig: Any, codegen: Any) -> Any:
        code = hashlib.sha256(self._function.__code__.co_code)
        for cell in self._function.__closure__ or ():
            code.update(_dumps(cell.cell_contents))
        return sig, codegen.magic_tuple(), code.hexdigest()

    def _path(self, folder: Path) -> Path:
        return folder / self._name


@functools.cache
def _load_arrays() -> None:
    """Load what numba knows of arrays, without scipy.linalg.

    numba loads that, a quarter of a second, only to see whether it is there; it always is, with
    us. Loops that multiply matrices load it when they are compiled, or called.
    """
    from numba.np import linalg

    look: Any = getattr(linalg, "ensure_blas", None)
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


def _name(called: str, place: str, stamp: str) -> str:
    """The file in which the loop `called` so is kept."""
    return f"{re.sub('[^a-zA-Z0-9_.-]', '', called)}-{place}-{stamp[:8]}.loops"


def is_kept(called: str) -> bool:
    """Whether the loop `called` so, as "grouping.kernels.learn", was compiled before."""
    folder = where()
    if folder is None:
        return False
    module = called.rpartition(".")[0].replace(".", "/")
    source = Path(__file__).parents[1] / f"{module}.py"
    return source.is_file() and any(folder.glob(_name(called, "*", _sources(source))))


class _Turn:
    """One process compiles at a time; the others wait, and find what it has kept."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @property
    def taken(self) -> bool:
        """Whether this thread has the lock, or has waited for it in vain."""
        return getattr(self._of_thread, "file", None) is not None

    def __enter__(self) -> None:
        self._of_thread.depth = getattr(self._of_thread, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        # A loop compiles the loops that it calls: given back when the outermost is done.
        self._of_thread.depth -= 1
        if self._of_thread.depth == 0:
            if getattr(self._of_thread, "compiles", None) is not None:
                self._of_thread.compiles = None
                countdown.end()
            if self.taken:
                file, self._of_thread.file = self._of_thread.file, None
                file.close()  # gives back the lock

    def compiles(self, called: str) -> None:
        """Let people know that a loop has to be compiled, until this thread's turn is over.

        Raises NoMemory where that would end the process.
        """
        check_room()
        depth = getattr(self._of_thread, "depth", 0)
        if depth and getattr(self._of_thread, "compiles", None) is None:
            self._of_thread.compiles = called
            countdown.begin(called, is_kept)

    def take(self, folder: Path) -> bool:
        """Wait for the lock; False when it took no waiting, or was in vain."""
        if fcntl is None or not getattr(self._of_thread, "depth", 0):
            return False
        try:
            file = (folder / "compiling.lock").open("ab")
        except OSError:
            return False
        self._of_thread.file = file
        begin = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return time.monotonic() - begin > 0
            except BlockingIOError:
                waited = time.monotonic() - begin
            except OSError:  # a file system without locks
                return False
            if waited > _LONGEST_WAIT:
                return False
            if waited > 2 and not told:
                told = True
                log.info("another process is compiling the loops, waiting for it")
            time.sleep(0.05)


recorder: prepared.Recorder | None = None
"""Who is told of every loop that is compiled, or finished."""

_turn = _Turn()
_deciding = threading.Lock()
_chosen: list[Path | None] = []  # empty before the first loop is asked for
_told: set[str] = set()


def where() -> Path | None:
    """Return the folder in which loops are kept, None where they cannot be."""
    if not _chosen:
        with _deciding:
            if not _chosen:
                _chosen.append(_choose())
    return _chosen[0]


def _choose() -> Path | None:
    version = sys.modules["segment"].__version__  # importing it here would be a circle
    processor = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    python = "".join(platform.python_version_tuple()[:2])
    digest = hashlib.sha256(processor.encode()).hexdigest()[:8]
    tag = f"{version}-numba{numba.__version__}-py{python}-{platform.machine()}-{digest}"
    reasons = []
    for folder in places.candidates(tag):
        reason = places.make_private(folder)
        if reason is None:
            return folder
        reasons.append(f"{folder}: {reason}")
    _say(f"cannot be kept ({'; '.join(reasons)})")
    return None


def _give_up(why: str) -> None:
    _chosen[:] = [None]
    _say(why)


def _say(why: str) -> None:
    if "kept" not in _told:
        _told.add("kept")
        log.warning(
            "compiled loops %s, so every start compiles them again; "
            "NUMBA_CACHE_DIR=FOLDER names another place",
            why,
        )


def _tell_damage(path: Path, error: Exception) -> None:
    if "damage" not in _told:
        _told.add("damage")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        log.warning("%s cannot be used (%s): loops are compiled again", path, reason)


def _write(path: Path, body: bytes) -> None:
    """Write a file that only its user may read: whole, or not at all."""
    temporary = path.with_name(f".{path.name[-80:]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with _private(temporary) as file:
            file.write(_MAGIC + hashlib.sha256(body).digest() + body)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _private(path: Path) -> Iterator[Any]:
    number = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
    )
    with os.fdopen(number, "wb") as file:
        yield file
