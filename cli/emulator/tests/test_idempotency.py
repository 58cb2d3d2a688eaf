"""clientToken without an emulator: which responses are replayed, and how long."""

import json
import threading
import unittest

from landfall_emulator.tasks.idempotency import ClientTokens, TokenConflictError


def response(*arns, failures=()):
    body = {"tasks": [{"taskArn": arn} for arn in arns], "failures": list(failures)}
    return 200, {}, json.dumps(body).encode()


class ClientTokensTest(unittest.TestCase):
    def setUp(self):
        self.now, self.stopped, self.calls = 1000.0, {}, 0
        self.tokens = ClientTokens(self.stopped.get, lambda: self.now)

    def run_once(self, answer, **request):
        def run():
            self.calls += 1
            return answer

        return self.tokens.answer(("account", "region", "cluster"), request, run)

    def test_failures_of_the_first_call_are_replayed(self):
        first = self.run_once(response(failures=[{"reason": "Capacity is unavailable at this time"}]), clientToken="a")
        self.assertEqual(self.run_once(response("other"), clientToken="a"), first)
        self.assertEqual(self.calls, 1)

    def test_a_token_expires_one_hour_after_its_task(self):
        self.run_once(response("task"), clientToken="a")
        self.now += 23 * 3600
        self.stopped["task"] = self.now
        self.now += 3600
        self.run_once(response("task"), clientToken="a")
        self.assertEqual(self.calls, 1)
        self.now += 1
        self.run_once(response("task-2"), clientToken="a")
        self.assertEqual(self.calls, 2)

    def test_a_token_expires_after_a_day_while_its_task_runs(self):
        self.run_once(response("task"), clientToken="a")
        self.now += 24 * 3600 + 1
        self.run_once(response("task-2"), clientToken="a", startedBy="other")
        self.assertEqual(self.calls, 2)

    def test_calls_without_a_token_all_run(self):
        self.run_once(response("one"))
        self.run_once(response("two"))
        self.assertEqual(self.calls, 2)

    def test_two_calls_at_once_run_once(self):
        inside, release, answers = threading.Event(), threading.Event(), []

        def slow():
            self.calls += 1
            inside.set()
            release.wait(5)
            return response("task")

        def call():
            answers.append(self.tokens.answer(("a",), {"clientToken": "x"}, slow))

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        inside.wait(5)
        release.set()
        for thread in threads:
            thread.join(5)
        self.assertEqual((self.calls, answers[0]), (1, answers[1]))

    def test_a_conflict_names_the_tasks_of_the_first_call(self):
        self.run_once(response("one", "two"), clientToken="a")
        with self.assertRaises(TokenConflictError) as caught:
            self.run_once(response(), clientToken="a", count=2)
        self.assertEqual(caught.exception.task_arns, ["one", "two"])
