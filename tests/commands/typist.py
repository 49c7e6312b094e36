"""Programs on a terminal, typed at."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import time


class Typist:
    """A program on a terminal of its own."""

    def __init__(self, arguments, environment, folder="/"):
        self.terminal, given = pty.openpty()
        fcntl.ioctl(given, termios.TIOCSWINSZ, b"\x18\x00\x64\x00\x00\x00\x00\x00")
        self.mode = termios.tcgetattr(given)
        self.given = given
        self.process = subprocess.Popen(arguments, cwd=folder, env=dict(environment, TERM="xterm"), stdin=given, stdout=given, stderr=given,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.shown = b""
        self.at = 0

    def wait_for(self, text, seconds=60):
        """Until this is shown, behind what was waited for before."""
        end = time.monotonic() + seconds
        while text not in self.shown[self.at:]:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} did not come, but {self.shown[self.at:]!r}")
            self.read(0.2)
        self.at = self.shown.index(text, self.at) + len(text)

    def read(self, seconds):
        if select.select([self.terminal], [], [], seconds)[0]:
            try:
                self.shown += os.read(self.terminal, 65536)
            except OSError:
                return False
            return True
        return False

    def end(self):
        end = time.monotonic() + 60
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
            self.read(0.1)
        code = self.process.returncode
        mode_is_same = termios.tcgetattr(self.given) == self.mode
        os.close(self.given)
        while self.read(0.1):
            pass
        os.close(self.terminal)
        return code, mode_is_same


def on_a_terminal(arguments, environment, steps):
    """Waits for the steps' first, third… and types the others; None is a SIGTERM. What was shown, whether the terminal is as it was, the exit code."""
    typist = Typist(arguments, environment)
    for place, step in enumerate(steps):
        if place % 2 == 0:
            typist.wait_for(step)
        elif step is None:
            typist.process.terminate()
        else:
            os.write(typist.terminal, step)
    code, mode_is_same = typist.end()
    return typist.shown, mode_is_same, code


def type_into(arguments, environment, folder, steps):
    """Types the steps' first, third… and waits for the others; then kills it. All that was shown."""
    typist = Typist(arguments, environment, folder)
    for place, step in enumerate(steps):
        if place % 2 == 0:
            os.write(typist.terminal, step)
        else:
            typist.wait_for(step)
    typist.process.kill()
    typist.end()
    return typist.shown.decode(errors="replace")
