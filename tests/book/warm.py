"""Kernels that are forks of one process which has imported PyTorch and the like, but nothing of the package.

A kernel takes five seconds to import them, which is longer than most notebooks compute on the digits. Papermill starts
such a kernel as any other: as a command, here one that asks for a fork and ends with it.
"""

import builtins
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

ELSEWHERE = "elsewhere"  # the kernel whose device is the pretended one, and what it runs before the first cell
PRETEND = f"import sys; sys.path.append({str(Path(__file__).parent.parent)!r}); import elsewhere; elsewhere.pretend()"
IMPORTED = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "matplotlib.pyplot",
    "numpy",
    "opacus",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "seaborn",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "torch",
    "torch._dynamo",  # for the optimizers of PyTorch
)
INLINE = "module://matplotlib_inline.backend_inline"  # as in any kernel; loaded with the first figure


@contextmanager
def warm_kernels() -> Iterator[Path]:
    """Keep the process that forks as long as the context is open; yield what JUPYTER_PATH must be meanwhile.

    Beside "python3" there is "elsewhere", whose device is the pretended one. Where forks of what has loaded so much are
    not safe, kernels are started anew.
    """
    with TemporaryDirectory() as folder:
        if sys.platform != "linux":
            write_kernels(Path(folder), [sys.executable, "-m", "ipykernel_launcher"])
            yield Path(folder)
            return
        address = str(Path(folder, "socket"))
        write_kernels(Path(folder), [sys.executable, "-S", "-E", __file__, address])
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen()
            command, passed = [sys.executable, __file__, str(listening.fileno())], [listening.fileno()]
            process = subprocess.Popen(command, env=os.environ | {"MPLBACKEND": INLINE}, pass_fds=passed)
        try:
            yield Path(folder)
        finally:
            process.terminate()
            process.wait()


def write_kernels(folder: Path, command: list[str]) -> None:
    """Write for Jupyter how the kernels are started."""
    for name, options in (("python3", []), (ELSEWHERE, [f"--IPKernelApp.exec_lines={PRETEND}"])):
        spec = folder / "kernels" / name / "kernel.json"
        spec.parent.mkdir(parents=True)
        asked = {"argv": [*command, "-f", "{connection_file}", *options], "display_name": name, "language": "python"}
        spec.write_text(json.dumps(asked), encoding="utf-8")


def serve(listening: socket.socket) -> None:
    """Import, and then fork for each kernel that is asked for."""
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # pandas asks at its import whether it is in a notebook
    for name in IMPORTED:
        importlib.import_module(name)
    del builtins.get_ipython
    alone = not {"vaeprivacy", "matplotlib_inline.backend_inline"} & set(sys.modules) and threading.active_count() == 1
    assert alone, "What is forked must have no thread, no figure and nothing of the package."
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            be_kernel(asking)
        asking.close()


def be_kernel(asking: socket.socket) -> None:
    """Become the kernel that was asked for, in its folder and with its environment; end when nobody waits for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    request, streams, *_ = socket.recv_fds(asking, 1 << 20, 2)
    asked = json.loads(request)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # it ends with the process that forks, too
    sys.argv, sys.path[0] = ["ipykernel_launcher", *asked["options"], parent], asked["folder"]
    threading.Thread(target=lambda: asking.recv(1) or os._exit(1), daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance

    try:
        launch_new_instance()
    finally:
        os._exit(0)


def ask(address: str, *options: str) -> None:
    """Ask for a kernel, and wait until it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent before each shutdown, for what the kernel may be doing
    asked = {"folder": os.getcwd(), "environment": dict(os.environ), "options": options}
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(address)
        socket.send_fds(asking, [json.dumps(asked).encode()], [1, 2])
        asking.recv(1)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1]))) if len(sys.argv) == 2 else ask(*sys.argv[1:])
