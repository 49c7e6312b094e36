#!/usr/bin/env python3
"""legacy_test.py THEATER COMPONENTS: the older management protocol, as its clients speak it."""

import base64
import json
import os
import socket
import struct
import sys
import unittest

from wire import Http, Server

PROGRAM, COMPONENTS = sys.argv[1:3]
# Longer messages go in fragments.
WHOLE_BYTES = 8 << 20


def numbers(data):
    return list(data)


class Legacy:
    """One connection; what is pushed is kept until it is asked for."""

    def __init__(self, server):
        self.http = Http(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        self.pushed = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.connection.close()

    def send_frame(self, value):
        data = json.dumps(value).encode()
        self.http.send(struct.pack(">I", len(data)) + data)

    def say(self, command):
        data = json.dumps(command).encode()
        if len(data) <= WHOLE_BYTES:
            self.send_frame({"Complete": numbers(data)})
            return
        parts = [data[at:at + WHOLE_BYTES] for at in range(0, len(data), WHOLE_BYTES)]
        for i, part in enumerate(parts):
            self.send_frame({"Fragment": {"message_id": 1, "fragment_index": i, "total_fragments": len(parts),
                                          "data": base64.b64encode(part).decode()}})

    def hear(self):
        parts = {}
        while True:
            size, = struct.unpack(">I", self.http.exactly(4))
            frame = json.loads(self.http.exactly(size))
            if "Complete" in frame:
                return json.loads(bytes(frame["Complete"]))
            fragment = frame["Fragment"]
            parts[fragment["fragment_index"]] = base64.b64decode(fragment["data"])
            if len(parts) == fragment["total_fragments"]:
                return json.loads(b"".join(parts[i] for i in range(len(parts))))

    def answer(self):
        """The next that was not pushed."""
        while True:
            message = self.hear()
            name = next(iter(message))
            if name in ("ActorEvent", "ActorResult", "ChannelMessage") or (name == "ChannelClosed" and self.closing is None):
                self.pushed.append(message)
            else:
                return message

    closing = None

    def ask(self, command):
        self.closing = True if isinstance(command, dict) and "CloseChannel" in command else None
        self.say(command)
        return self.answer()

    def push(self, name):
        """The content of the next pushed message of this name, past others."""
        while True:
            for i, message in enumerate(self.pushed):
                if name in message:
                    return self.pushed.pop(i)[name]
            self.pushed.append(self.hear())


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS, ["--legacy-protocol"])

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log_text()
        cls.server.close()
        assert code == 0, log

    def setUp(self):
        self.client = Legacy(self.server)

    def tearDown(self):
        self.client.http.connection.close()

    def start(self, name, component="guests/echo", **more):
        fields = {"manifest": self.server.manifest(name, component), "initial_state": None, "parent": False, "subscribe": False}
        return self.client.ask({"StartActor": {**fields, **more}})["ActorStarted"]["id"]

    def test_an_actor_from_start_to_stop(self):
        actor = self.start("whole", initial_state=numbers(b"begun"))
        ask = self.client.ask
        self.assertIn([actor, "whole"], ask("ListActors")["ActorList"]["actors"])
        self.assertEqual(ask({"GetActorState": {"id": actor}}), {"ActorState": {"id": actor, "state": numbers(b"begun")}})
        # It takes messages as soon as it is said to have started.
        self.assertEqual(ask({"SendActorMessage": {"id": actor, "data": numbers(b"hello")}}), {"SentMessage": {"id": actor}})
        self.assertEqual(ask({"RequestActorMessage": {"id": actor, "data": numbers(b"state")}}),
                         {"RequestedMessage": {"id": actor, "message": numbers(b"hello")}})
        path = os.path.join(COMPONENTS, "guests/echo.wasm")
        self.assertEqual(ask({"UpdateActorComponent": {"id": actor, "component": path}}), {"ActorComponentUpdated": {"id": actor}})
        self.assertIn("Error", ask({"UpdateActorComponent": {"id": actor, "component": path + ".none"}}))
        self.assertEqual(ask({"GetActorState": {"id": actor}}), {"ActorState": {"id": actor, "state": numbers(b"hello")}})
        self.assertEqual(ask({"GetActorStatus": {"id": actor}}), {"ActorStatus": {"id": actor, "status": "Running"}})
        manifest = ask({"GetActorManifest": {"id": actor}})["ActorManifest"]["manifest"]
        self.assertEqual((manifest["name"], manifest["handler"][0]["type"]), ("whole", "message-server"))
        events = ask({"GetActorEvents": {"id": actor}})["ActorEvents"]["events"]
        self.assertEqual(events[0]["event_type"], "actor.started")
        self.assertIsNone(events[0]["parent_hash"])
        self.assertEqual(events[1]["parent_hash"], events[0]["hash"])
        self.assertEqual(len(events[0]["hash"]), 32)
        self.assertEqual(ask({"GetActorMetrics": {"id": actor}})["ActorMetrics"]["metrics"]["events"], len(events))
        self.assertEqual(ask({"StopActor": {"id": actor}}), {"ActorStopped": {"id": actor}})
        self.assertEqual(ask({"GetActorStatus": {"id": actor}})["ActorStatus"]["status"], "Stopped")
        self.assertNotIn([actor, "whole"], ask("ListActors")["ActorList"]["actors"])
        self.assertEqual(ask({"RequestActorMessage": {"id": actor, "data": []}}), {"Error": {"error": "ActorNotFound"}})

    def test_errors_answer_the_command_and_keep_the_connection(self):
        nobody = "00000000-0000-4000-8000-000000000000"
        ask = self.client.ask
        self.assertEqual(ask({"StopActor": {"id": nobody}}), {"Error": {"error": "ActorNotFound"}})
        for command in ["Nonsense", {"StopActor": {}}, {"StopActor": {"id": 7}}, {"StopActor": {"id": "x"}}, 5, {}, [],
                        {"SendActorMessage": {"id": nobody, "data": [256]}}, {"SendActorMessage": {"id": nobody, "data": "x"}},
                        {"OpenChannel": {"actor_id": "External", "initial_message": []}}]:
            self.assertIn("InvalidRequest", ask(command)["Error"]["error"], command)
        missing = self.server.manifest("x", "no/such/component")
        error = ask({"StartActor": {"manifest": missing, "initial_state": None, "parent": False, "subscribe": False}})
        self.assertIn("no/such/component", error["Error"]["error"]["ActorInitializationError"])
        error = ask({"StartActor": {"manifest": "nmae = 1", "initial_state": None, "parent": False, "subscribe": False}})
        self.assertIn("nmae", error["Error"]["error"]["ActorInitializationError"])
        self.client.send_frame({"Incomplete": []})
        self.assertIn("SerializationError", self.client.answer()["Error"]["error"])
        self.assertIn("ActorList", ask("ListActors"))

    def test_a_length_over_the_bound_is_answered_and_ends_the_connection(self):
        self.client.http.send(struct.pack(">I", (32 << 20) + 1))
        self.assertIn("SerializationError", self.client.answer()["Error"]["error"])
        self.assertFalse(self.client.http.more())

    def test_a_starter_is_told_of_events_and_of_the_end(self):
        actor = self.start("parented", parent=True, subscribe=True)
        self.assertEqual(self.client.push("ActorEvent")["event"]["event_type"], "actor.started")
        self.client.ask({"SendActorMessage": {"id": actor, "data": numbers(b"stop")}})
        result = self.client.push("ActorResult")["Success"]
        self.assertEqual((result["actor_id"], bytes(result["result"])), (actor, b"stopped as asked"))
        stopped = self.start("ended by others", parent=True)
        self.client.ask({"StopActor": {"id": stopped}})
        self.assertEqual(self.client.push("ActorResult"), {"ExternalStop": {"actor_id": stopped}})
        trapped = self.start("traps", "guests/traps", parent=True)
        self.client.ask({"SendActorMessage": {"id": trapped, "data": numbers(b"trap")}})
        self.assertEqual(self.client.push("ActorResult")["Error"]["actor_id"], trapped)

    def test_a_subscription_begins_and_ends_when_asked(self):
        actor = self.start("subscribed")
        subscription = self.client.ask({"SubscribeToActor": {"id": actor}})["Subscribed"]["subscription_id"]
        self.client.ask({"RequestActorMessage": {"id": actor, "data": numbers(b"x")}})
        self.assertTrue(self.client.push("ActorEvent")["event"]["event_type"].endswith("handle-request"))
        self.assertEqual(self.client.ask({"UnsubscribeFromActor": {"id": actor, "subscription_id": subscription}}),
                         {"Unsubscribed": {"id": actor}})
        again = self.client.ask({"UnsubscribeFromActor": {"id": actor, "subscription_id": subscription}})
        self.assertIn("InvalidRequest", again["Error"]["error"])

    def test_a_channel_goes_both_ways(self):
        actor = self.start("channelled")
        opened = self.client.ask({"OpenChannel": {"actor_id": {"Actor": actor}, "initial_message": numbers(b"hello")}})
        channel = opened["ChannelOpened"]["channel_id"]
        self.assertEqual(self.client.push("ChannelMessage"),
                         {"channel_id": channel, "sender_id": {"Actor": actor}, "message": numbers(b"hello")})
        for i in range(20):
            self.assertEqual(self.client.ask({"SendOnChannel": {"channel_id": channel, "message": [i]}}),
                             {"MessageSent": {"channel_id": channel}})
        self.assertEqual([self.client.push("ChannelMessage")["message"] for _ in range(20)], [[i] for i in range(20)])
        self.client.ask({"SendOnChannel": {"channel_id": channel, "message": numbers(b"close")}})
        self.assertEqual(self.client.push("ChannelClosed"), {"channel_id": channel})
        self.assertEqual(self.client.ask({"SendOnChannel": {"channel_id": channel, "message": []}}),
                         {"Error": {"error": "ChannelNotFound"}})
        opened = self.client.ask({"OpenChannel": {"actor_id": {"Actor": actor}, "initial_message": []}})
        channel = opened["ChannelOpened"]["channel_id"]
        self.assertEqual(self.client.ask({"CloseChannel": {"channel_id": channel}}), {"ChannelClosed": {"channel_id": channel}})
        refused = self.client.ask({"OpenChannel": {"actor_id": {"Actor": actor}, "initial_message": numbers(b"refuse")}})
        self.assertEqual(refused, {"Error": {"error": "ChannelRejected"}})

    def test_fragments_in_any_order_make_a_command(self):
        data = json.dumps("ListActors").encode()
        parts = [data[:5], data[5:8], data[8:]]
        for i in [2, 0, 1]:
            self.client.send_frame({"Fragment": {"message_id": 9, "fragment_index": i, "total_fragments": 3,
                                                 "data": base64.b64encode(parts[i]).decode()}})
        self.assertIn("ActorList", self.client.answer())

    def test_a_large_answer_comes_in_fragments(self):
        actor = self.start("large")
        message = b"\xff" * 3_000_000
        answer = self.client.ask({"RequestActorMessage": {"id": actor, "data": numbers(message)}})
        self.assertEqual(bytes(answer["RequestedMessage"]["message"]), message)

    def test_http_is_spoken_on_the_same_port(self):
        with self.server.tcp() as http:
            self.assertEqual(http.request("GET", "/healthz")[0], 200)


class Off(unittest.TestCase):
    def test_without_the_option_it_is_not_spoken(self):
        server = Server(PROGRAM, COMPONENTS)
        try:
            with Legacy(server) as client:
                client.say("ListActors")
                self.assertEqual(client.http.head()[0], 400)
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
