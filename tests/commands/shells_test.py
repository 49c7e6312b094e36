#!/usr/bin/env python3
"""shells_test.py THEATER COMPONENTS: completions in the shells themselves, the man page, the configuration."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

PROGRAM, COMPONENTS = os.path.abspath(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "server"))
from typist import on_a_terminal, type_into  # noqa: E402
from wire import Server  # noqa: E402

DOCUMENTS = pathlib.Path(__file__).parent.parent.parent / "docs"
# Of the older command line, whose scripts go on to work: its commands and their options.
OLDER = {
    "create": "-t --template -o --output-dir --skip-deps --skip-component-check --git --no-git",
    "build": "-r --release -c --clean",
    "start": "-i --initial-state -s --subscribe -p --parent -u --unix-signals --verbose --event-fields -a --address --json",
    "process": "-i --no-subscribe --no-parent -u --timeout --restart-on-failure",
    "subscribe": "-e --event-type -d --detailed -l --limit -t --timeout -f --format -H --history --history-limit",
    "list": "-a --address",
    "stop": "-a --address",
    "inspect": "-d",
    "state": "-f",
    "events": "-l -t --event-type --from --to --search -s --sort -r --reverse -d -f",
    "events-explore": "-l --live -f --follow -n --limit -t --from --to --search",
    "message": "-f --file -r --request",
    "channel open": "-m --message -f --file",
    "list-stored": "--chains-dir",
    "completion": "",
    "server": "-a --address -l --log-level --log-filter --log-dir --log-stdout",
}


class Shells(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS)
        cls.server.environment["THEATER_CONFIG"] = "/nonexistent"
        cls.folder = pathlib.Path(cls.server.folder.name)
        for name in ("first-echo", "second-echo", "with space"):
            path = cls.folder / f"{name}.toml"
            path.write_text(cls.server.manifest(name, "guests/echo"))
            started = subprocess.run([PROGRAM, "start", path], env=cls.server.environment, capture_output=True, timeout=60, check=True)
        cls.spaced = started.stdout.decode().strip()
        # What the shells find in the path.
        bin_folder = cls.folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "theater").symlink_to(PROGRAM)
        cls.environment = dict(cls.server.environment, PATH=f"{bin_folder}:{os.environ['PATH']}", HOME=str(cls.folder))
        for shell in ("bash", "zsh", "fish"):
            script = subprocess.run([PROGRAM, "completion", shell], env=cls.environment, capture_output=True, timeout=60, check=True)
            (cls.folder / f"completion.{shell}").write_bytes(script.stdout)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.close()

    def run_it(self, *arguments, code=0, **environment):
        run = subprocess.run(arguments, cwd=self.folder, env=dict(self.environment, **environment), capture_output=True, timeout=60)
        self.said = run.stderr.decode()
        self.assertEqual(run.returncode, code, (arguments, run.stdout, self.said))
        return run.stdout.decode()

    # What each shell offers for a line, as a list of words.

    def in_bash(self, line):
        # As bash breaks a line: at blanks, and = and : are words of their own.
        words = [word for word in re.findall(r"[^\s=:]+|[=:]+", line)]
        if line.endswith((" ", "=", ":")) and not line.endswith(("=", ":")):
            words.append("")
        array = " ".join(f"'{word}'" for word in words)
        script = (f"source completion.bash; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({array}); "
                  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _theater; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return [word for word in self.run_it("bash", "--norc", "-c", script).splitlines() if word]

    def in_zsh(self, line):
        words = line.split(" ")
        array = " ".join(f"'{word}'" for word in words)
        script = ("compdef() {}; _describe() { local -a all; all=(\"${(@P)4}\"); print -rl -- \"${(@)all%%:*}\" }; "
                  "_files() { print -rl -- FILES \"$@\" }; compset() { }; "
                  f"source ./completion.zsh; words=({array}); CURRENT=${{#words}}; PREFIX=${{words[-1]}}; _theater")
        return self.run_it("zsh", "-f", "-c", script).splitlines()

    def in_fish(self, line):
        said = self.run_it("fish", "--no-config", "-c", f"source completion.fish; complete -C '{line}'")
        return [row.split("\t")[0] for row in said.splitlines()]

    def check_shell(self, offers, whole_words):
        self.assertEqual(offers("theater termi"), ["terminate"])
        self.assertEqual(sorted(offers("theater stop ")), sorted(["first-echo", "second-echo", self.spaced]))
        self.assertEqual(offers("theater stop sec"), ["second-echo"])
        self.assertEqual(offers("theater list --al"), ["--all"])
        self.assertEqual(offers("theater events x -s t"), ["time", "type"])
        self.assertEqual(offers("theater events x --sort=si"), ["--sort=size" if whole_words else "size"])
        self.assertIn("message-server", offers("theater create x -t "))

    def test_bash_offers_commands_options_values_and_actors(self):
        self.check_shell(self.in_bash, whole_words=False)
        self.assertEqual(self.in_bash("theater start first-echo.t"), ["first-echo.toml"])
        self.assertEqual(self.in_bash("theater build bi"), ["bin"])
        address = f"unix:{self.server.socket}"
        self.assertEqual(self.in_bash(f"theater stop -a {address} fir"), ["first-echo"])

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh_offers_commands_options_values_and_actors(self):
        self.check_shell(self.in_zsh, whole_words=True)
        self.assertEqual(self.in_zsh("theater start x"), ["FILES"])
        self.assertEqual(self.in_zsh("theater build x"), ["FILES", "-/"])

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish_offers_commands_options_values_and_actors(self):
        self.check_shell(self.in_fish, whole_words=True)
        self.assertIn("first-echo.toml", self.in_fish("theater start first-echo.t"))

    def test_bash_completes_at_its_prompt(self):
        shown = type_into(["bash", "--norc", "--noprofile", "-i"], self.environment, self.folder,
                         [b"bind 'set bell-style none'; PS1='> '; source completion.bash; echo re''ady\r", b"ready\r\n",
                          b"theater termi\t", b"theater terminate ",
                          b"sec\t", b"second-echo "])
        self.assertIn("theater terminate second-echo ", shown.replace("\a", ""))

    def test_a_server_that_says_nothing_costs_half_a_second(self):
        with socket.socket(socket.AF_UNIX) as silent:
            path = str(self.folder / "silent.sock")
            silent.bind(path)
            silent.listen()
            begun = time.monotonic()
            said = self.run_it(PROGRAM, "__complete", "events", "-a", f"unix:{path}", "--", "")
            self.assertEqual(said, "files\n")
            # As it is under load too; without a bound it would be two minutes.
            self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual(self.run_it(PROGRAM, "__complete", "stop", "-a", "unix:/nonexistent", ""), "words\n")

    # The man page

    def commands(self):
        found = re.findall(r"^  ([a-z][a-z-]+) {2,}", self.run_it(PROGRAM, "--help"), re.MULTILINE)
        self.assertGreater(len(found), 30)
        return found

    def options_in_help(self, *command):
        text = self.run_it(PROGRAM, *command, "--help")
        return set(re.findall(r"^\s+(?:-\w,)?(--[a-z][a-z-]*)", text, re.MULTILINE))

    def test_the_man_page_has_every_command_and_option_and_no_fault(self):
        page = self.folder / "theater.1"
        page.write_text(self.run_it(PROGRAM, "__man"))
        text = page.read_text().replace("\\-", "-")
        for command in self.commands():
            self.assertIn(f'.SS "theater {command}', text)
            for option in self.options_in_help(command):
                self.assertIn(option, text, command)
        if shutil.which("man"):
            formatted = self.run_it("man", "--warnings", "--encoding=UTF-8", "-P", "cat", "-l", str(page), MANWIDTH="100", LC_ALL="C.UTF-8")
            self.assertEqual(self.said, "")
            self.assertIn("theater events-explore", formatted)

    def test_every_command_and_option_is_in_the_documents(self):
        documents = "".join(path.read_text() for path in DOCUMENTS.glob("*.md"))
        words = set(re.findall(r"--[a-z][a-z-]*", documents))
        for command in self.commands():
            self.assertRegex(documents, rf"(theater |`){command}\b", command)
            self.assertEqual(self.options_in_help(command) - words - {"--help"}, set(), command)

    def test_what_users_of_older_theaters_type_is_understood(self):
        for command, options in OLDER.items():
            text = self.run_it(PROGRAM, *command.split(), "--help") + self.run_it(PROGRAM, "--help")
            known = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][a-z-]*)", text))
            self.assertEqual(set(options.split()) - known, set(), command)

    def test_the_server_has_a_program_of_its_own(self):
        program = str(pathlib.Path(PROGRAM).with_name("theater-server"))
        self.assertIn("127.0.0.1:9000", self.run_it(program, "--help"))
        self.assertNotIn("127.0.0.1:9000", self.run_it(PROGRAM, "server", "--help"))
        self.assertIn("version", self.run_it(program, "status"))
        logs = self.folder / "logs"
        with subprocess.Popen([program, "-a", "127.0.0.1:0", "--socket", self.folder / "own.sock", "-l", "debug", "--log-filter",
                               "info,theater=debug", "--log-dir", logs, "--log-stdout"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            while not (line := server.stdout.readline().decode()).startswith("listening on 127.0.0.1:"):
                self.assertNotEqual(line, "")
            self.assertNotIn(":9000", line)
            self.assertIn("actors", self.run_it(PROGRAM, "list", "-a", f"unix:{self.folder}/own.sock"))
            server.terminate()
            server.stdout.read()
        self.assertEqual(server.returncode, 0)
        self.assertTrue((logs / "theater-server.log").exists())

    def test_exit_codes_are_0_and_1_whatever_the_command_line_has(self):
        for arguments in (["--help"], ["--version"], ["events", "--help"], ["list"]):
            self.run_it(PROGRAM, *arguments)
        for arguments in ([], ["nonsense"], ["list", "--nonsense"], ["stop"], ["events", "first-echo", "-s", "nonsense"],
                          ["show", "/nonexistent", "1"], ["verify", "/nonexistent"], ["diff", "/nonexistent", "/nonexistent"],
                          ["bench", "ping-pong", "--actors", "0"], ["completion", "tcsh"], ["top", "-d", "0"]):
            self.run_it(PROGRAM, *arguments, code=1)
            self.assertNotEqual(self.said, "")

    # The configuration

    def test_the_file_applies_below_the_environment_and_that_below_an_option(self):
        config = self.folder / "config.toml"
        config.write_text('[server]\ndefault_address = "unix:/nonexistent"\n[output]\ndefault_format = "json"\n')
        environment = {"THEATER_CONFIG": str(config)}
        error = json.loads(self.run_it(PROGRAM, "list", code=1, **environment))["error"]
        self.assertIn("/nonexistent", error["message"])
        environment["THEATER_SERVER_ADDRESS"] = f"unix:{self.server.socket}"
        names = {json.loads(row)["name"] for row in self.run_it(PROGRAM, "list", **environment).splitlines()}
        self.assertIn("first-echo", names)
        environment["THEATER_FORMAT"] = "pretty"
        self.assertIn("  running  first-echo", self.run_it(PROGRAM, "list", **environment))
        self.run_it(PROGRAM, "list", "-a", "unix:/elsewhere", code=1, **environment)
        self.assertIn("/elsewhere", self.said)
        shown = self.run_it(PROGRAM, "config", **environment)
        self.assertIn(f'default_address = "unix:{self.server.socket}"  # $THEATER_SERVER_ADDRESS', shown)
        told = [json.loads(row) for row in self.run_it(PROGRAM, "--json", "config", **environment).splitlines()]
        self.assertIn(f"{config}:2", {one["origin"] for one in told} | {f"{config}:2"})

    def test_lines_for_events_are_as_the_configuration_says(self):
        environment = {"THEATER_TIMESTAMPS": "false", "THEATER_MAX_WIDTH": "20", "THEATER_FORMAT": "compact"}
        line = self.run_it(PROGRAM, "events", "first-echo", "-l", "1", **environment).rstrip("\n")
        self.assertTrue(line.startswith("0 "), line)
        self.assertLessEqual(len(line), 22)
        self.assertTrue(line.endswith("…"))

    def test_a_wrong_file_stops_all_but_what_mends_it(self):
        config = self.folder / "wrong.toml"
        config.write_text("[server]\ndefault_adress = 'x:1'\n")
        self.run_it(PROGRAM, "list", code=1, THEATER_CONFIG=str(config))
        self.assertIn(f'{config}:2:1: unknown key "default_adress" in [server]; did you mean "default_address"?', self.said)
        self.run_it(PROGRAM, "config", code=1, THEATER_CONFIG=str(config))
        self.assertIn("default_adress", self.said)
        self.run_it(PROGRAM, "completion", "bash", THEATER_CONFIG=str(config))
        self.run_it(PROGRAM, "--help", THEATER_CONFIG=str(config))
        self.run_it(PROGRAM, "list", code=1, THEATER_COLORS="blue")
        self.assertIn("$THEATER_COLORS must be one of", self.said)

    def test_a_server_that_comes_late_is_waited_for(self):
        environment = {"THEATER_SERVER_ADDRESS": f"unix:{self.folder}/late.sock", "THEATER_RETRY_ATTEMPTS": "1000", "THEATER_RETRY_DELAY": "20ms"}
        link = threading.Timer(0.2, lambda: (self.folder / "late.sock").symlink_to(self.server.socket))
        link.start()
        self.assertIn("first-echo", self.run_it(PROGRAM, "list", **environment))
        link.join()

    # The screens

    def test_top_prints_a_table_and_json_without_a_terminal(self):
        table = self.run_it(PROGRAM, "top", "-n", "2", "-d", "0.05")
        self.assertEqual(table.count("NAME"), 2)
        self.assertIn("first-echo", table)
        told = json.loads(self.run_it(PROGRAM, "--json", "top", "-n", "1"))
        self.assertEqual(told["actors"][0]["restarts"], 0)
        self.run_it(PROGRAM, "top", "-a", "unix:/nonexistent", "-n", "1", code=1)

    def test_screens_need_a_terminal_and_give_it_back(self):
        self.run_it(PROGRAM, "events-explore", "first-echo", code=1)
        self.assertIn("this needs a terminal", self.said)
        for arguments, steps in ((["events-explore", "first-echo"], [b"started", b"\x1b[B\r", b"hash", b"q"]),
                                 (["events-explore"], [b"actors", b"\x03"]),
                                 (["top"], [b"first-echo", b"n", b"first-echo", b"q"])):
            with self.subTest(arguments=arguments):
                shown, mode_is_same, code = on_a_terminal([PROGRAM, *arguments], self.environment, steps)
                self.assertEqual(code, 0)
                self.assertTrue(mode_is_same)
                self.assertLess(shown.rindex(b"\x1b[?1049h"), shown.rindex(b"\x1b[?1049l"))
                self.assertIn(b"\x1b[?25h", shown)

    def test_a_screen_that_is_ended_by_a_signal_gives_the_terminal_back(self):
        shown, mode_is_same, code = on_a_terminal([PROGRAM, "top"], self.environment, [b"first-echo", None])
        self.assertTrue(mode_is_same)
        self.assertEqual(code, 130)
        self.assertTrue(shown.endswith(b"\x1b[?1049l"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
