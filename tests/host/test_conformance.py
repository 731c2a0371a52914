# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""tools/conformance and tools/support complain of what is not so."""
import json
import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

UNIT = '''/* [@-01] above the first */
static void first(void **state)
{
}

static void second(void **state)
{
	/* [@-02] */
}
'''


@pytest.fixture
def tree(tmp_path):
    """A small project in which all is well."""
    files = {
        'tests/conformance/requirements.txt':
            '# AB: A chapter\nAB-01 | 1.1 | M | one\nAB-02 | 1.2 | S | two\n'
            'AB-03 | 1.3 | O | three\n\tdoes not apply: it is an example\n',
        'virtio/code.c': '/* [@-01] */ /* [@-02] */\n',
        'tests/unit/test_ab.c': UNIT,
        'build/unit/test_ab.log': '[       OK ] first\n[       OK ] second\n',
        'tests/qemu/machines.txt': '[row]\n# [@-01]\nimage = x\n',
        'build/results/qemu.json': json.dumps(
            {'tests/qemu/test_rows.py::test_row[row-pc]': 'passed'}),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace('@', 'AB'))  # no ids of this file's own
    (tmp_path / 'tools').mkdir()
    for tool in ('conformance', 'support'):
        shutil.copy(os.path.join(TOP, 'tools', tool), tmp_path / 'tools')
    return tmp_path


def run(tree, tool='conformance', *arguments):
    result = subprocess.run([str(tree / 'tools' / tool), *arguments], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout


def test_all_is_well(tree):
    status, said = run(tree, 'conformance', '--write', str(tree / 'page.md'))
    assert status == 0, said
    page = (tree / 'page.md').read_text()
    assert '| AB-01 | 1.1 | M | one | `virtio/code.c` |' in page
    assert 'does not apply: it is an example' in page
    assert run(tree, 'conformance', '--compare', str(tree / 'page.md'))[0] == 0


@pytest.mark.parametrize('file, old, new, complaint', [
    ('virtio/code.c', '[@-02]', '', 'AB-02: no code names it'),
    ('tests/unit/test_ab.c', '[@-02]', '', 'AB-02: no test checks it'),
    ('build/unit/test_ab.log', 'OK ] second', 'FAILED ] second', 'second: failed'),
    ('build/unit/test_ab.log', '[       OK ] second\n', '', 'second: did not run'),
    ('tests/unit/test_ab.c', 'second(void **', 'third(void **', 'third: did not run'),
    ('virtio/code.c', '[@-02]', '[@-02] [@-77]', 'AB-77: named in'),
    ('build/results/qemu.json', 'row-pc', 'other', 'machines.txt row: did not run'),
    ('build/results/qemu.json', 'passed', 'failed', 'machines.txt row: failed'),
])
def test_complaints(tree, file, old, new, complaint):
    text = (tree / file).read_text()
    old, new = old.replace('@', 'AB'), new.replace('@', 'AB')
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    status, said = run(tree)
    assert status == 1 and complaint in said, said


def test_an_old_page(tree):
    run(tree, 'conformance', '--write', str(tree / 'page.md'))
    (tree / 'virtio' / 'more.c').write_text('/* [@-01] */\n'.replace('@', 'AB'))
    status, said = run(tree, 'conformance', '--compare', str(tree / 'page.md'))
    assert status == 1 and 'out of date' in said


def test_support_claims(tree):
    """A claim without a test that passed is found; one whose test was skipped stands."""
    note = {'test': 'tests/qemu/test_rows.py::test_row[row-pc]', 'way': 'QEMU',
            'arguments': ['-device', 'virtio-rng-pci,packed=on']}
    (tree / 'build' / 'results' / 'machines.lines').write_text(json.dumps(note) + '\n')
    (tree / 'README.md').write_text('<!-- support: made by tools/support -->\n'
                                    '<!-- end of support -->\n')
    assert run(tree, 'support', '--write')[0] == 0
    readme = (tree / 'README.md').read_text()
    assert '| entropy | packed: QEMU | –' in readme
    assert run(tree, 'support', '--check')[0] == 0
    (tree / 'build' / 'results' / 'qemu.json').write_text(
        json.dumps({note['test']: 'skipped: no such thing here'}))
    assert run(tree, 'support', '--check')[0] == 0
    (tree / 'build' / 'results' / 'qemu.json').write_text(json.dumps({note['test']: 'failed'}))
    status, said = run(tree, 'support', '--check')
    assert status == 1 and 'entropy PCI packed' in said
