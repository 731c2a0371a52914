# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""A pytest plugin: keeps each test's last outcome in build/results/SUITE.json, from which
tools/conformance and tools/support say what was seen. A run of some tests leaves what is
known of the others. What machines a test made is kept beside it (note_machine)."""
import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


RESULTS = os.path.join(ROOT, 'build', 'results')


def note_machine(way, arguments):
    """The test that runs now drives devices in that way ('QEMU', 'qtest', 'vhost-user')."""
    test = os.environ.get('PYTEST_CURRENT_TEST', '').rsplit(' ', 1)[0]
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, 'machines.lines'), 'a', encoding='utf-8') as f:
        f.write(json.dumps({'test': test, 'way': way,
                            'arguments': [str(word) for word in arguments]}) + '\n')


class Results:
    def __init__(self, config):
        self.top = str(config.rootpath)
        self.seen = {}

    def pytest_runtest_logreport(self, report):
        path, test = (report.nodeid.split('::', 1) + [''])[:2]
        path = os.path.relpath(os.path.join(self.top, path), ROOT)
        name = f'{path}::{test}'
        if report.failed:
            self.seen[name] = 'failed'
        elif report.skipped:
            self.seen[name] = 'skipped: ' + str(report.longrepr[2] if isinstance(
                report.longrepr, tuple) else report.longrepr).removeprefix('Skipped: ')
        elif report.when == 'call':
            self.seen[name] = 'passed'

    def pytest_sessionfinish(self):
        suites = {}
        for name, outcome in self.seen.items():
            suites.setdefault(name.split(os.sep)[1], {})[name] = outcome
        for suite, seen in suites.items():
            path = os.path.join(RESULTS, suite + '.json')
            os.makedirs(os.path.dirname(path), exist_ok=True)
            known = {}
            if os.path.exists(path):
                with open(path, encoding='utf-8') as f:
                    known = json.load(f)
            known.update(seen)
            with open(path + '.new', 'w', encoding='utf-8') as f:
                json.dump(known, f, indent=0, sort_keys=True)
            os.replace(path + '.new', path)


def pytest_configure(config):
    if not hasattr(config, 'workerinput'):  # under xdist the controller hears of all
        config.pluginmanager.register(Results(config))
