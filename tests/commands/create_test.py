#!/usr/bin/env python3
"""create_test.py THEATER TEMPLATES: each template makes a project that builds and passes its own test."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM, TEMPLATES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])


class Create(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="theater-create-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = dict(os.environ, THEATER_HOME=str(self.folder / "home"), THEATER=PROGRAM, THEATER_CONFIG="/nonexistent")

    def run_it(self, *arguments, code=0, **environment):
        run = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, env=dict(self.environment, **environment),
                             capture_output=True, timeout=60)
        self.said = run.stderr.decode()
        self.assertEqual(run.returncode, code, (arguments, run.stdout, self.said))
        return run.stdout.decode()

    def test_every_template_builds_and_passes_its_own_test(self):
        templates = sorted(path for path in TEMPLATES.glob("*/*") if path.is_dir())
        self.assertGreaterEqual(len(templates), 6)
        for template in templates:
            with self.subTest(template=str(template.relative_to(TEMPLATES))):
                name = f"my-{template.name}-{template.parent.name}"
                self.run_it("create", name, "-t", template.name, "--lang", template.parent.name)
                made = self.folder / name
                ran = subprocess.run([made / "test.sh"], cwd="/", env=self.environment, capture_output=True, timeout=120)
                self.assertEqual((ran.returncode, ran.stdout.decode().splitlines()[-1:]), (0, ["passed"]), (ran.stdout, ran.stderr))
                # The test looks: with another answer it fails.
                script = made / "test.sh"
                text = script.read_text()
                script.write_text(text.replace('"answer":"', '"answer":"not '))
                self.assertEqual(subprocess.run([script], env=self.environment, capture_output=True, timeout=120).returncode, 1)
                left = [path for path in made.rglob("*") if path.suffix == ".in" or "@" in path.name]
                self.assertEqual(left, [])

    def test_what_was_made_and_what_to_do_next_is_told(self):
        said = self.run_it("create", "hello", "-o", "some/where")
        self.assertIn("created some/where/hello", said)
        self.assertIn("  hello.cc\n", said)
        self.assertIn("Next:\n  cd some/where/hello\n  theater build\n  ./test.sh\n", said)
        told = json.loads(self.run_it("--json", "create", "hello", "--lang", "c"))
        self.assertEqual((told["name"], told["template"], told["language"]), ("hello", "basic", "c"))
        self.assertEqual(sorted(told["files"]), sorted(str(path.relative_to(self.folder / "hello"))
                                                       for path in (self.folder / "hello").rglob("*") if path.is_file()))

    def test_what_is_there_stays_and_names_are_checked(self):
        (self.folder / "there").mkdir()
        self.run_it("create", "there", code=1)
        self.assertIn("exists already", self.said)
        self.assertEqual(list((self.folder / "there").iterdir()), [])
        self.run_it("create", "../out", code=1)
        self.assertIn("is no name for a project", self.said)
        self.run_it("create", "x", "-t", "super-visor", code=1)
        self.assertIn("did you mean supervisor?", self.said)
        error = json.loads(self.run_it("--json", "create", "x", "--lang", "cobol", code=1))["error"]
        self.assertEqual(error["code"], "not-found")

    def test_a_missing_compiler_is_told_at_once(self):
        self.run_it("create", "one", THEATER_CLANG="/nonexistent")
        self.assertIn("THEATER_CLANG", self.said)
        self.run_it("create", "two", "--skip-deps", THEATER_CLANG="/nonexistent")
        self.assertEqual(self.said, "")

    def test_it_becomes_a_repository_when_that_is_wanted(self):
        self.run_it("create", "kept", "--git")
        self.assertTrue((self.folder / "kept" / ".git").is_dir())
        self.run_it("create", "loose", "--no-git")
        self.assertFalse((self.folder / "loose" / ".git").exists())

    def test_templates_of_ones_own_come_from_the_configuration(self):
        own = self.folder / "own" / "cpp" / "ours"
        own.mkdir(parents=True)
        (own / "@NAME@.txt").write_text("@TYPE@")
        self.run_it("create", "some-thing", "-t", "ours", THEATER_TEMPLATES=str(self.folder / "own"))
        self.assertEqual((self.folder / "some-thing" / "some-thing.txt").read_text(), "SomeThing")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
