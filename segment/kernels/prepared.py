"""Loops whose intermediate code comes with the package: a first run only has to finish it.

Most of what compiling takes is numba's reading of the source: types, and LLVM's language built in
Python. What comes of that is the same on every processor of an architecture and in every version
of Python; it is kept in `prepared.xz`, and optimised and made machine code of where it runs.

It belongs to these sources and this numba: what was changed since is compiled as ever. After a
change `python benchmarks/prepare_loops.py` makes it anew.
"""

import functools
import hashlib
import logging
import lzma
import pickle
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import compile_result
from numba.core.serialize import dumps

__all__ = ["FILE", "Recorder", "find"]

FILE = Path(__file__).with_name("prepared.xz")

_dumps: Callable[[Any], bytes] = dumps
_result: Any = compile_result

log = logging.getLogger("segment.kernels")


def versions() -> tuple[str, ...]:
    """What intermediate code holds for."""
    return (numba.__version__, str(llvm.llvm_version_info), platform.machine(), platform.system())


@functools.cache
def _all() -> dict[str, tuple[str, bytes]]:
    """Of each loop the digest of its sources, and its forms."""
    loops: dict[str, tuple[str, bytes]]
    try:
        made_for, loops = pickle.loads(lzma.decompress(FILE.read_bytes()))
    except FileNotFoundError:  # a checkout in which nobody has made it
        return {}
    except Exception as error:  # of whatever kind: it can be compiled
        log.warning("%s cannot be used (%s): loops are compiled", FILE, error)
        return {}
    return loops if made_for == versions() else {}


def find(called: str, digest: str, signature: Any, target_context: Any) -> Any:
    """Return the compiled form of a loop for a signature, or None when it is not prepared."""
    known = _all().get(called)
    if known is None or known[0] != digest:
        return None
    try:
        for has, payload in pickle.loads(known[1]):
            if has == signature:
                return _finish(target_context, *pickle.loads(payload))
    except Exception as error:
        log.debug("%s of %s cannot be used: %s", called, FILE, error)
    return None


def _finish(target_context: Any, code: tuple[str, bytes], *rest: Any) -> Any:
    """Optimise intermediate code for this processor and make it run."""
    name, module = code
    library: Any = target_context.codegen().create_library(name)
    library.enable_object_caching()
    library._final_module = llvm.parse_bitcode(module)
    library._optimize_final_module()
    library._final_module.verify()
    library._finalize_final_module()
    # From here on as numba does it with what its own cache has.
    fndesc, env, signature, objectmode, lifted, annotation, reload_init, envs = rest
    for function in reload_init:
        function()
    result: Any = _result(
        target_context=target_context,
        typing_context=target_context.typing_context,
        library=library,
        environment=env,
        entry_point=target_context.get_executable(library, fndesc, env),
        fndesc=fndesc,
        type_annotation=annotation,
        signature=signature,
        objectmode=objectmode,
        lifted=lifted,
        reload_init=reload_init,
        referenced_envs=envs,
    )
    for one in envs:
        library.codegen.set_env(one.env_name, one)
    return result


class Recorder:
    """Gathers what is compiled, as `find` wants it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, list[tuple[Any, bytes]]]] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Have every library keep what it is before it is optimised."""
        library: Any = CPUCodeLibrary
        optimise = library._optimize_final_module

        def keep(self: Any) -> None:
            self.not_optimised = self._final_module.as_bitcode()
            optimise(self)

        library._optimize_final_module = keep
        try:
            yield
        finally:
            library._optimize_final_module = optimise

    def add(self, called: str, digest: str, signature: Any, result: Any) -> None:
        """Take a loop that was compiled while recording."""
        code = getattr(result.library, "not_optimised", None)
        if code is None:
            return
        _, *rest = result._reduce()
        payload = _dumps(((result.library.name, code), *rest))
        self._found.setdefault(called, (digest, []))[1].append((signature, payload))

    def write(self, path: Path = FILE) -> int:
        """Write it all; return how many forms there are."""
        loops = {
            called: (digest, _dumps(forms))
            for called, (digest, forms) in sorted(self._found.items())
        }
        whole = pickle.dumps((versions(), loops), protocol=4)
        path.write_bytes(lzma.compress(whole, preset=6))
        return sum(len(forms) for _, forms in self._found.values())


def digest_of(source: str, function: Any) -> str:
    """What has to be the same for prepared code to be a function's."""
    code = hashlib.sha256(source.encode())
    for cell in function.__closure__ or ():
        code.update(_dumps(cell.cell_contents))
    return code.hexdigest()[:16]
