"""Units of work spread over processes of one machine.

Each process is started afresh (spawned, so no thread or lock of this one is inherited half-way), gets the data once,
and then one unit after the other; what happens in it comes back as events, a row as soon as it is there. The parent
alone writes the journal and the rows.

* A process that dies, because the system took its memory back or a library crashed, costs the cell that it was at. If
  it had finished an earlier cell of its unit, so that the network itself was no trouble, the rest of the unit goes to
  another process; else the rest is lost with it. Other units never notice.
* Whatever ends the parent ends all of them within seconds. Ctrl-C, which a terminal sends to every process, is left to
  the parent. A parent that is killed cannot end anybody, so each process watches it and goes when it is gone.
* Each process gets its share of the cores: `threads` of torch and of the libraries below it.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from experiments.cells import Event, Measured, Noted, Started, Unit, Workshop
from hierclf.errors import ConfigError
from hierclf.strategies import Strategy

PATIENCE_SECONDS = 3.0
"""How long a process may take to put down what it has in hand."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def threads_for(processes: int, given: int | None = None) -> int:
    """Threads of each process: as many as given, else its share of the cores, at least one.

    >>> threads_for(10_000), threads_for(2, given=3)
    (1, 3)
    """
    return given or max(1, cores() // processes)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(eq=False)
class _Worker:
    """A process with what it is at.

    Args:
        process: running.
        connection: to it.
        unit: what it was given last, or None when it waits.
        begun: names of the unit's cells that it has begun.
        done: names of those that have a row.
    """

    process: SpawnProcess
    connection: Connection
    unit: Unit | None = None
    begun: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def give(self, unit: Unit) -> None:
        self.unit, self.begun, self.done = unit, (), ()
        try:
            self.connection.send(unit)
        except OSError:  # it died while it waited; who listens to it will find out
            return


def in_parallel(workshop: Workshop, units: Sequence[Unit], *, processes: int, threads: int) -> Iterator[Event]:
    """Measure units in several processes, and tell what happens as it does.

    Args:
        workshop: measures; it is sent to each process.
        units: what to measure; they are begun in this order.
        processes: how many at a time, at most.
        threads: of each process.

    Raises:
        ConfigError: a strategy or the data cannot be sent to another process.
    """
    payload = _packed(workshop)
    waiting = deque(units)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.unit is not None for worker in workers):
            for worker in workers:
                if worker.unit is None and waiting:
                    worker.give(waiting.popleft())
            while waiting and len(workers) < processes:
                workers.append(_hired(payload, threads))
                workers[-1].give(waiting.popleft())
            ready = wait([worker.connection for worker in workers])
            for worker in [worker for worker in workers if worker.connection in ready]:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    workers.remove(worker)
                    yield from _lost(worker, workshop, waiting)
                    continue
                if message is None:
                    worker.unit = None
                    continue
                if isinstance(message, Started):
                    worker.begun += (message.name,)
                elif isinstance(message, Measured):
                    worker.done += (message.row["strategy"],)
                yield message
    finally:
        _dismiss(workers)


def _packed(workshop: Workshop) -> bytes:
    """A workshop as bytes, made once for all processes."""
    try:
        return pickle.dumps(workshop)
    except Exception as error:
        for name, strategy in workshop.experiment.strategies.items():
            _require_packable(name, strategy)
        raise ConfigError(f"the data cannot be sent to another process ({error}); use processes=1") from error


def _require_packable(name: str, strategy: Strategy) -> None:
    try:
        pickle.dumps(strategy)
    except Exception as error:
        raise ConfigError(
            f"strategies.{name} cannot be sent to another process ({error}); define its functions at the top of a "
            f"module, or use processes=1"
        ) from error


def _hired(payload: bytes, threads: int) -> _Worker:
    """A new process, ready to be given units."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, payload, threads), name="experiment")
    with _without_interrupt(), _environment(threads):
        process.start()
    there.close()
    return _Worker(process=process, connection=here)


def _lost(worker: _Worker, workshop: Workshop, waiting: deque[Unit]) -> Iterator[Event]:
    """What a process that died leaves behind: rows with an error, and perhaps a unit to do over."""
    worker.process.join(PATIENCE_SECONDS)
    worker.connection.close()
    unit = worker.unit
    if unit is None:
        return
    left = [name for name in unit.names if name not in worker.done]
    if not left:
        return
    hit = left[:1] if worker.done else left
    rest = tuple(left[len(hit) :])
    if rest:
        waiting.appendleft(replace(unit, names=rest))
    for name in hit:
        if name not in worker.begun:
            yield Started(name=name, seed=unit.seed)
        row = unit.row(name, workshop.experiment.strategies[name])
        yield Measured(row={**row, "error": death(worker.process.exitcode)}, seconds=0.0)


def death(code: int | None) -> str:
    """How a process ended, in words.

    >>> death(-11), death(1)
    ('the process died (signal 11)', 'the process died (exit code 1)')
    """
    if code is None:
        return "the process died"
    if code == -9:
        return "the process died (signal 9); a system that is out of memory does so, then fewer processes may help"
    return f"the process died ({f'signal {-code}' if code < 0 else f'exit code {code}'})"


def _dismiss(workers: Sequence[_Worker]) -> None:
    """End all processes, within seconds."""
    for worker in workers:
        if worker.unit is not None:
            worker.process.terminate()
        worker.connection.close()  # who waits for a unit goes home
    deadline = time.monotonic() + PATIENCE_SECONDS
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


# ---------------------------------------------------------------------------------------------- in the other process


def _work(connection: Connection, payload: bytes, threads: int) -> None:
    """Measure units until the parent has no more."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # drafts of files are taken away
    threading.Thread(target=_go_with_parent, daemon=True).start()
    tell = _Teller(connection)
    sys.stdout = sys.stderr = _Lines(lambda line: tell(Noted(text=line)))
    import torch

    torch.set_num_threads(threads)
    workshop: Workshop = pickle.loads(payload)
    del payload
    _serve(connection, workshop, tell)


def _serve(connection: Connection, workshop: Workshop, tell: Callable[[Event | None], None]) -> None:
    """Measure what the parent gives, and tell it; None says that a unit is done."""
    while True:
        try:
            unit = connection.recv()
        except (EOFError, OSError):
            return
        for event in workshop.measure(unit):
            tell(event)
        tell(None)


class _Teller:
    """Sends one message at a time, whichever thread has one; a parent that is gone ends the process."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.RLock()

    def __call__(self, message: Any) -> None:
        with self._lock:
            try:
                self._connection.send(message)
            except OSError:
                os._exit(1)


class _Lines(io.TextIOBase):
    """A stream whose lines go to the log of the run, so that processes do not write into each other's."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note, self._begun = note, ""

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            if line.strip():
                self._note(line)
        return len(text)


def _go_with_parent() -> None:
    """End this process when the parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """A process that starts meanwhile hears no Ctrl-C, now and later; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """A process that starts meanwhile finds its number of threads before any library asks for it."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
