"""The project's own files, as the source checks see them."""

import os
import re
import subprocess
import sys


class Project:
    def __init__(self, root):
        self.root = os.path.abspath(root)
        self._files = None

    def files(self):
        """Relative paths: what git holds or would hold, or everything outside build folders where there is no repository."""
        if self._files is None:
            self._files = sorted(self._from_git() or self._from_folders())
        return self._files

    def matching(self, pattern):
        return [file for file in self.files() if re.search(pattern, file)]

    def path(self, file):
        return os.path.join(self.root, file)

    def text(self, file):
        """Empty for files that are no text."""
        with open(self.path(file), "rb") as stream:
            content = stream.read()
        return "" if b"\0" in content else content.decode("utf-8", errors="replace")

    def lines(self, file):
        return list(enumerate(self.text(file).splitlines(), 1))

    def _from_git(self):
        if not os.path.exists(self.path(".git")):
            return []
        command = ["git", "-C", self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, check=False)
        names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
        return {name for name in names if name and os.path.isfile(self.path(name))}

    def _from_folders(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in ("build", "target", ".git", "__pycache__")]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root)


def report(findings, passed):
    """Ends a check: one line a finding, or what was looked at."""
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} found")
        sys.exit(1)
    print(passed)


def root_argument():
    """The folder to check: the first argument, or the project this file belongs to."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
