#!/usr/bin/env python3
"""Each source check finds what it is there to find, and lets pass what is right."""

import os
import tempfile
import unittest

import headers
import layers
import wording
from project import Project


class Checks(unittest.TestCase):
    def project(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = os.path.join(folder.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        return Project(folder.name)

    def assert_finds(self, findings, *texts):
        self.assertEqual(len(findings), len(texts), findings)
        for finding, text in zip(findings, texts):
            self.assertIn(text, finding)

    # layers

    def test_an_include_of_a_layer_under_it_passes(self):
        project = self.project({
            "src/router/router.h": '#include "actor/cell.h"\n#include "theater/id.h"\n#include <vector>\n',
            "src/router/router.cc": '#include "router/router.h"\n#include "sched/shard.h"\n',
            "src/router/CMakeLists.txt": "theater_library(router SOURCES router.cc PUBLIC theater::actor theater::base PRIVATE theater::sched)\n",
        })
        self.assertEqual(layers.check(project), [])

    def test_an_include_of_a_layer_above_it_is_found(self):
        project = self.project({"src/router/router.h": '#include "runtime/runtime.h"\n'})
        self.assert_finds(layers.check_includes(project), "src/router/router.h:1: router includes runtime/runtime.h")

    def test_an_include_beside_it_is_found(self):
        project = self.project({"src/chain/writer.cc": '#include "sched/shard.h"\n'})
        self.assert_finds(layers.check_includes(project), "chain includes sched/shard.h")

    def test_a_test_beside_its_source_is_held_to_the_same_rule(self):
        project = self.project({"src/actor/cell_test.cc": '#include "theater/runtime.h"\n'})
        self.assert_finds(layers.check_includes(project), "of runtime")

    def test_a_folder_that_is_no_layer_is_found(self):
        project = self.project({"src/tools/a.cc": ""})
        self.assert_finds(layers.check_includes(project), "src/tools is no layer")

    def test_a_public_header_without_a_layer_is_found(self):
        project = self.project({"include/theater/unheard_of.h": "", "src/actor/a.cc": '#include "theater/unheard_of.h"\n'})
        self.assert_finds(layers.check_public_headers(project), "belongs to no layer")
        self.assert_finds(layers.check_includes(project), "belongs to no layer")

    def test_a_public_header_that_includes_a_private_one_is_found(self):
        project = self.project({"include/theater/id.h": '#include "base/random.h"\n'})
        self.assert_finds(layers.check_public_headers(project), "not installed")

    def test_a_public_header_that_includes_one_above_it_is_found(self):
        project = self.project({"include/theater/id.h": '#include "theater/runtime.h"\n'})
        self.assert_finds(layers.check_public_headers(project), "does not stand under it")

    def test_the_engines_header_counts_as_its_layer(self):
        project = self.project({"src/sched/shard.cc": '#include "theater_engine.h"\n',
                                "src/actor/cell.cc": '#include "theater_engine.h"\n'})
        self.assert_finds(layers.check_includes(project), "src/sched/shard.cc:1: sched includes theater_engine.h of engine")

    def test_links_that_disagree_with_the_includes_are_found(self):
        project = self.project({
            "src/actor/cell.h": '#include "sched/shard.h"\n',
            "src/actor/cell.cc": '#include "chain/event_sink.h"\n#include "engine/call.h"\n',
            "src/actor/CMakeLists.txt":
                "theater_library(actor SOURCES cell.cc PUBLIC theater::chain PRIVATE theater::sched theater::manifest) # theater::cli\n",
        })
        self.assert_finds(layers.check_links(project), "PUBLIC must name theater::sched", "does not link theater::engine",
                          "links theater::manifest but includes nothing", "theater::chain is PRIVATE")

    def test_a_layer_that_a_linked_one_hands_on_needs_no_link(self):
        project = self.project({
            "src/actor/cell.h": '#include "sched/shard.h"\n',
            "src/actor/CMakeLists.txt": "theater_library(actor SOURCES cell.cc PUBLIC theater::sched)\n",
            "src/router/router.h": '#include "actor/cell.h"\n#include "sched/shard.h"\n',
            "src/router/CMakeLists.txt": "theater_library(router SOURCES router.cc PUBLIC theater::actor)\n",
        })
        self.assertEqual(layers.check_links(project), [])

    def test_a_link_to_a_layer_above_is_found(self):
        project = self.project({"src/sched/CMakeLists.txt": "theater_test(a a.cc LIBRARIES theater::sched theater::router)\n"})
        self.assert_finds(layers.check_links(project), "sched links router")

    def test_another_order_of_layers_is_found(self):
        project = self.project({"CMakeLists.txt": "foreach(layer engine base)\nendforeach()\n"})
        self.assert_finds(layers.check_order(project), "in another order")

    # headers

    def test_a_header_that_needs_another_first_is_found(self):
        project = self.project({
            "src/base/good.h": "#pragma once\n#include <string>\ninline std::string name() { return {}; }\n",
            "src/base/bad.h": "#pragma once\ninline std::string name() { return {}; }\n",
        })
        found, count, _ = headers.check(project)
        self.assert_finds(found, "src/base/bad.h: does not compile alone")
        self.assertEqual(count, 2)

    def test_a_header_that_a_built_source_includes_first_is_left_to_the_build(self):
        project = self.project({
            "src/base/a.h": "broken;\n", "src/base/a.cc": '#include "base/a.h"\n',
            "src/base/b.h": "broken;\n", "src/base/b.cc": '#include <string>\n#include "base/b.h"\n',
            "src/base/c.h": "broken;\n", "src/base/c.cc": '#include "base/c.h"\n',
            "src/base/CMakeLists.txt": "theater_library(base SOURCES a.cc b.cc)\n",
        })
        found, _, _ = headers.check(project)
        self.assert_finds(found, "src/base/b.h", "src/base/c.h")

    def test_a_header_is_compiled_again_only_when_something_it_includes_changed(self):
        project = self.project({"src/base/a.h": '#pragma once\n#include "base/b.h"\n', "src/base/b.h": "#pragma once\n"})
        cache = project.path("cache.json")
        self.assertEqual(headers.check(project, cache), ([], 2, 2))
        self.assertEqual(headers.check(project, cache), ([], 2, 0))
        with open(project.path("src/base/b.h"), "a", encoding="utf-8") as stream:
            stream.write("int x;;;\n}\n")
        found, _, compiled = headers.check(project, cache)
        self.assertEqual(len(found), 2, found)
        self.assertEqual(compiled, 2)

    # wording

    def test_the_engines_name_outside_its_folder_is_found(self):
        text = "// Wasm" + "time does it\n"
        project = self.project({"src/actor/a.cc": text, "engine/src/lib.rs": text, "docs/a.md": text})
        self.assert_finds(wording.check_engine_name(project), "src/actor/a.cc:1")

    def test_a_leftover_is_found(self):
        project = self.project({"src/base/a.cc": "int a;\n// TO" + "DO later\n", "src/base/b.cc": "// Todos are fine\n"})
        self.assert_finds(wording.check_leftovers(project), "src/base/a.cc:2")

    def test_a_long_file_is_found(self):
        project = self.project({"src/base/a.cc": "\n" * 901, "src/base/b.cc": "\n" * 900})
        self.assert_finds(wording.check_sizes(project), "src/base/a.cc: 901 lines")

    def test_a_catch_all_name_is_found(self):
        project = self.project({"src/base/string_util.h": "", "src/base/utility_bill.h": "", "tests/helpers/a.py": ""})
        self.assert_finds(wording.check_names(project), "'util'", "'helpers'")

    def test_a_path_of_one_machine_is_found(self):
        project = self.project({"docs/a.md": "see /ho" + "me/somebody/x\nhttps://x.org/home/a\n$HOME/home/x\n"})
        self.assert_finds(wording.check_machine_paths(project), "docs/a.md:1")

    def test_a_bound_that_nothing_applies_is_found(self):
        bounds = "inline constexpr std::size_t kUsed = 1;\ninline constexpr unsigned kUnused = 2;\n"
        project = self.project({"src/base/limits.h": bounds, "src/base/a.cc": "int a = kUsed;\n", "src/base/a_test.cc": "int b = kUnused;\n"})
        self.assert_finds(wording.check_bounds_are_applied(project), "src/base/limits.h:2")


if __name__ == "__main__":
    unittest.main()
