#!/usr/bin/env python3
"""rights_test.py THEATER COMPONENTS: every operation that the server describes, asked for by TCP without a token and with
one of each right. What the right does not reach is refused before anything else is looked at; what it reaches is not."""

import json
import sys
import unittest

from wire import Server

PROGRAM, COMPONENTS = sys.argv[1:3]
ORDER = ["none", "read", "operate", "admin"]
METHODS = ["get", "post", "put", "patch", "delete"]


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS)
        with cls.server.unix() as http:
            paths = http.json("GET", "/v1/openapi.json")[2]["paths"]
        cls.operations = [(method.upper(), path, item[method])
                          for path, item in paths.items() for method in METHODS if method in item]

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.server.close()
        assert code == 0

    def ask(self, method, path, token):
        """Status and code; of something that is not there, so that what is allowed changes nothing."""
        target = path.replace("{actor}", "nobody")
        headers = ["Authorization: Bearer " + token] if token else []
        with self.server.tcp() as http:
            http.ask(method, target, headers=headers)
            status, answer_headers = http.head()
            body = http.exactly(int(answer_headers.get("content-length", 0)))
        is_problem = answer_headers["content-type"] == "application/problem+json"
        return status, json.loads(body)["code"] if is_problem else None

    def test_each_operation_is_for_those_whose_right_reaches_it(self):
        self.assertGreater(len(self.operations), 20)
        tokens = [("none", None), ("none", "x" * 43), ("none", self.server.tokens["admin"][:-1])]
        tokens += [(right, self.server.tokens[right]) for right in ORDER[1:]]
        for method, path, operation in self.operations:
            needed = operation["x-right"]
            for right, token in tokens:
                status, code = self.ask(method, path, token)
                case = f"{method} {path} needs {needed}, has {right}: {status} {code}"
                self.assertIn(str(status), operation["responses"], case)
                if ORDER.index(right) >= ORDER.index(needed):
                    self.assertNotIn(status, (401, 403), case)
                    self.assertLess(status, 500, case)
                else:
                    self.assertEqual((status, code), (401 if right == "none" else 403, "not-permitted"), case)

    def test_whoever_has_no_right_is_not_told_what_there_is(self):
        for method, path in [("GET", "/nothing"), ("DELETE", "/v1/actors"), ("POST", "/healthz"), ("GET", "/v1/actors/nobody/nothing")]:
            self.assertEqual(self.ask(method, path, None)[0], 401, path)
            self.assertIn(self.ask(method, path, self.server.tokens["read"])[0], (404, 405), path)

    def test_by_the_socket_this_user_may_do_everything(self):
        for method, path, operation in self.operations:
            with self.server.unix() as http:
                http.ask(method, path.replace("{actor}", "nobody"))
                self.assertNotIn(http.head()[0], (401, 403), path)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
