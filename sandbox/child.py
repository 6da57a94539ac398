"""Run a program that dies with its parent: `python child.py PARENT_PID command…`.

The kernel sends SIGKILL to the program as soon as the parent ends, however it ended. It also gets a
session of its own, so that Ctrl-C in a terminal reaches only the parent, which then stops its children in
the right order. Run by path and without site-packages (`-I -S`), which starts faster: it imports the
standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, command: list[str]) -> None:
    """Replace this process by `command`; end at once when the parent is already gone."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:  # it died before the line above
        sys.exit("the parent is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606 -- there is no shell, by intention
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
