"""The wall around a submission: what Linux itself refuses, whatever the code behind it calls.

*bubblewrap*, a program, shows it a machine with Python, one folder, its own processes and no network. *Landlock*, of
the kernel, refuses all other files. *seccomp* refuses what reaches other processes or leaves something behind.

The grader sees what works here. A student's process loads this module by its path: it imports nothing of the package.
"""

import ctypes
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Best first: all that works is used. Each of these holds files, processes and network.
WALLS = (("bubblewrap", "Landlock", "seccomp"), ("bubblewrap", "seccomp"), ("Landlock", "seccomp"))
SYSTEM = ["/usr", "/lib", "/lib64", "/bin", "/sys", "/dev/null", "/dev/urandom", "/dev/random", "/proc/cpuinfo"]
SYSTEM += ["/proc/meminfo", "/proc/stat", "/etc/localtime", "/etc/fonts", "/etc/mime.types", "/etc/os-release"]
SYSTEM += ["/etc/ld.so.cache", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"]

# Rights of Landlock. In its own folder a process may do all but run programs (0), make devices, sockets and links.
READ = 1 << 2 | 1 << 3  # read files, list folders
OWN = (1 << 15) - 1 & ~(1 << 0 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 12)
OF_FILES = 1 << 1 | 1 << 2 | 1 << 14  # write, read, truncate: all that a file has, and a folder has not
LEAST_LANDLOCK = 3  # Linux 6.2: before it, whoever may read a file could cut it to nothing

# System calls: names, and numbers on x86-64 and ARM64. New ones are answered as by an older kernel: programs know that.
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
FIRST_NEW = 424
REFUSED = """fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, tkill 200 130, ptrace 101 117, kcmp 312 272,
process_vm_readv 310 270, process_vm_writev 311 271, setpriority 141 140, ioprio_set 251 30, migrate_pages 256 238,
move_pages 279 239, socket 41 198, connect 42 203, bind 49 200, shmget 29 194, shmat 30 196, shmctl 31 195,
msgget 68 186, msgctl 71 187, msgsnd 69 189, msgrcv 70 188, semget 64 190, semctl 66 191, semop 65 193,
semtimedop 220 192, mq_open 240 180, mq_unlink 241 181, add_key 248 217, request_key 249 218, keyctl 250 219,
unshare 272 97, setns 308 268, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, bpf 321 280,
perf_event_open 298 241, userfaultfd 323 282, name_to_handle_at 303 264, open_by_handle_at 304 265,
fanotify_init 300 262, inotify_init 253 -, inotify_init1 294 26, symlink 88 -, symlinkat 266 36,
pidfd_send_signal 424 424, pidfd_open 434 434, pidfd_getfd 438 438"""
# Modes, owners and times of files, which Landlock leaves alone. They stay as they are, and the call says that it went
# well: `shutil.copy` is none the wiser.
PRETENDED = """chmod 90 -, fchmod 91 52, fchmodat 268 53, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54,
utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7,
removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16"""
OWN_ID = -1  # stands for the number of the process
# Allowed if an argument (its place, a mask, its values) is one of these: signals and settings for the process itself, a
# new thread, a pair of sockets that is connected, and what cannot make the kernel send signals or change a file.
ALL = 0xFFFFFFFF
IF: dict[str, tuple[int, int, list[int]]] = {
    "kill 62 129, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240": (0, ALL, [OWN_ID]),
    "prlimit64 302 261, sched_setaffinity 203 122, sched_setscheduler 144 119": (0, ALL, [0, OWN_ID]),
    "sched_setparam 142 118, sched_setattr 314 274": (0, ALL, [0, OWN_ID]),
    "clone 56 220": (0, 0x10000, [0x10000]),
    "socketpair 53 199": (1, 0xF, [socket.SOCK_STREAM]),
    "fcntl 72 25": (1, ALL, [*range(8), *range(36, 39), *range(1030, 1035)]),
    "ioctl 16 29": (1, ALL, [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451]),
    "prctl 157 167": (0, ALL, [3, 15, 16, 21, 23, 39, 41, 0x53564D41]),
}


def readable_folders() -> list[str]:
    """Return the folders that Python and its packages are in, this package's among them."""
    spec = find_spec("vaeprivacy")
    own = [str(Path(spec.origin).parent)] if spec and spec.origin else []
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *own, f"/proc/{os.getpid()}", *SYSTEM]
    # A folder of the path may hold a whole project (an editable installation): only packages are let in.
    folders += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages", "lib-dynload")]
    return sorted({*folders, *(os.path.realpath(folder) for folder in folders)})


@cache
def found() -> tuple[str, ...]:
    """Return of which tools a wall can be built here, seen by trying it; of none but on Linux."""
    return next((wall for wall in WALLS if sys.platform == "linux" and works(wall)), ())


def works(wall: Sequence[str]) -> bool:
    """Return whether a wall of these tools goes up, and then refuses what it must."""
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "folder"
        folder.mkdir()
        (Path(outside) / "secret").write_text("secret")
        command = [*around(wall, folder), sys.executable, "-I", __file__, str(folder), *wall]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):  # such as: there is no bubblewrap
            return False
        return done.returncode == 0 and done.stdout == b"holds"


def around(wall: Sequence[str], folder: Path) -> list[str]:
    """Return the command of bubblewrap that a command in a folder is to follow; nothing without it."""
    if "bubblewrap" not in wall:
        return []
    bound: list[str] = []
    for path in (each for each in readable_folders() if not each.startswith("/proc/")):
        bound += ["--dev-bind-try" if path.startswith("/dev/") else "--ro-bind-try", os.path.realpath(path), path]
    powers = ["--cap-drop", "ALL", *(["--cap-add", "CAP_DAC_READ_SEARCH"] if os.getuid() == 0 else [])]  # see below
    alone = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--die-with-parent", "--new-session"]
    places = ["--proc", "/proc", "--bind", str(folder), str(folder), "--chdir", str(folder)]
    closed = ["--remount-ro", "/", "--remount-ro", "/proc"]  # in the latter, root could change the kernel's settings
    return ["bwrap", *alone, *powers, *bound, *places, *closed, "--"]


def go_behind(wall: Sequence[str], folder: str, readable: Sequence[str]) -> None:
    """Put this process behind a wall, for good; OSError if it cannot be: then nothing of a submission may run."""
    if not wall:
        return
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError("There are threads already, which would stay outside.")
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(1, *map(ctypes.c_ulong, (9, 0, 0, 0))))  # it is killed when its parent ends
    _check(libc.prctl(38, *map(ctypes.c_ulong, (1, 0, 0, 0))))  # no program gives it new powers
    header = struct.pack("=Ii", 0x20080522, 0)
    if libc.capset(header, struct.pack("=6I", 4, 4, 0, 0, 0, 0)) != 0:  # root may read what is in a home
        _check(libc.capset(header, bytes(24)))
    if "Landlock" in wall:
        _close_files(libc, folder, readable)
    if "seccomp" in wall:
        program = ctypes.create_string_buffer(b"".join(_filter(os.uname().machine, os.getpid())))
        given = struct.pack("@HP", len(program) // 8, ctypes.addressof(program))
        _check(libc.prctl(22, ctypes.c_ulong(2), given, ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _try(folder: str, wall: Sequence[str]) -> None:
    """Go behind a wall, and say that it holds if it refuses what it must, and no more."""
    go_behind(wall, folder, readable_folders())
    Path(folder, "own").write_text(Path(__file__).read_text())
    files = (Path("../secret").read_text, Path("../new").mkdir)
    for attempt in (*files, os.fork, socket.socket, lambda: os.kill(os.getppid(), 0)):
        try:
            attempt()
        except OSError:
            continue
        sys.exit(1)
    print("holds", end="")


def _check(result: int) -> int:
    """Return what a system call returned; raise OSError if that is an error."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _close_files(libc: ctypes.CDLL, folder: str, readable: Sequence[str]) -> None:
    """Let this process use its folder, and read some others, by Landlock."""
    version = _check(libc.syscall(444, None, ctypes.c_size_t(0), 1))
    if version < LEAST_LANDLOCK:
        raise OSError(f"Landlock is of version {version}: {LEAST_LANDLOCK} is needed (Linux 6.2).")
    handled = (1 << (16 if version >= 5 else 15)) - 1
    rules = struct.pack("=QQQ", handled, 3, 3) if version >= 6 else struct.pack("=Q", handled)  # 3, 3: network, signals
    ruleset = _check(libc.syscall(444, rules, ctypes.c_size_t(len(rules)), 0))
    for path, rights in [*((each, READ) for each in readable), ("/dev/null", OF_FILES), (folder, OWN)]:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not on every machine
            continue
        rights &= -1 if stat.S_ISDIR(os.fstat(place).st_mode) else OF_FILES
        _check(libc.syscall(445, ruleset, 1, struct.pack("=Qi", rights, place), 0))
        os.close(place)
    _check(libc.syscall(446, ruleset, 0))
    os.close(ruleset)


def _filter(machine: str, own: int) -> Iterator[bytes]:
    """Yield the instructions of seccomp's filter: each looks at what is loaded, and jumps over some if it differs."""
    column, architecture = ARCHITECTURES[machine]
    load, equal, at_least, mask, end = 0x20, 0x15, 0x35, 0x54, 0x06
    allow, kill, error = 0x7FFF0000, 0x80000000, 0x00050000  # with an error, its number is added; 0 is none

    def step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, otherwise, value)

    yield step(load, 4) + step(equal, architecture, 1) + step(end, kill) + step(load, 0)
    for table, verdict in ((REFUSED, error + 1), (PRETENDED, error)):
        for number in _numbers(table, column):
            yield step(equal, number, 0, 1) + step(end, verdict)
    yield step(at_least, FIRST_NEW, 0, 1) + step(end, error + 38)  # "not implemented"; x86's other modes are here, too
    for table, (argument, bits, values) in IF.items():
        found = [step(equal, own if n == OWN_ID else n, len(values) - i) for i, n in enumerate(values)]
        checks = [step(load, 16 + 8 * argument), step(mask, bits), *found, step(end, error + 1), step(end, allow)]
        for number in _numbers(table, column):
            yield step(equal, number, 0, len(checks)) + b"".join(checks)
    yield step(end, allow)


def _numbers(table: str, column: int) -> list[int]:
    """Return the numbers of the calls in a table."""
    return [int(n) for n in (each.split()[1 + column] for each in table.split(",")) if n != "-"]


if __name__ == "__main__":
    _try(sys.argv[1], sys.argv[2:])
