# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The memory balloon: what the host asks for and sees (requirements BAL)."""
import re
import time

import pytest

import qemu

MIB = 1 << 20
TOTAL = 128 * MIB
VARIANTS = {
    'transitional': '',
    'modern': ',disable-legacy=on',
    'legacy': ',disable-modern=on',
    'packed': ',packed=on',
}


def boot(image, options='', *extra, cmdline='', mode=''):
    return qemu.Machine(image('guest/balloon'), cmdline=f'log=info {cmdline} -- {mode}',
                        devices=['-device', 'virtio-balloon-pci,id=balloon' + options, *extra])


def host_sees(machine, held):
    """The host's count follows `actual` [BAL-04]."""
    for _ in range(100):
        if machine.qmp('query-balloon')['actual'] == TOTAL - held:
            return
        time.sleep(0.05)
    machine.fail(f'the host does not see {held} bytes: {machine.qmp("query-balloon")}')


@pytest.mark.parametrize('variant', VARIANTS)
def test_inflate_and_deflate(variant, image):
    """Pages go and come back, by queue and `actual` [BAL-01] [BAL-03] [BAL-04]."""
    with boot(image, VARIANTS[variant]) as machine:
        machine.wait('^balloon found')
        machine.qmp('balloon', value=TOTAL - 16 * MIB)
        machine.wait(f'held {16 * MIB} ')
        host_sees(machine, 16 * MIB)
        machine.qmp('balloon', value=TOTAL - 40 * MIB)
        machine.wait(f'held {40 * MIB} ')
        machine.qmp('balloon', value=TOTAL)
        machine.wait('^balloon empty')
        assert machine.exit_code() == 0


def test_arena(image):
    """Behind a bounce arena it works on; of free pages the host hears nothing [NEG-05]."""
    with boot(image, ',free-page-reporting=on', cmdline='bounce=2M') as machine:
        machine.wait('^balloon found')
        machine.qmp('balloon', value=TOTAL - 16 * MIB)
        machine.wait(f'held {16 * MIB} ')
        host_sees(machine, 16 * MIB)
        machine.qmp('balloon', value=TOTAL)
        machine.wait('^balloon empty')
        assert machine.exit_code() == 0


def test_floor(image):
    """The host asks for everything; the program keeps what it needs [BAL-05]."""
    with boot(image) as machine:
        machine.wait('^balloon found')
        machine.qmp('balloon', value=MIB)
        held = int(machine.wait(r'held (1\d{8}|[89]\d{7}) ')[1])
        assert held <= TOTAL - TOTAL // 8
        machine.run_for(1.5)
        last = int(re.findall(r'held (\d+) ', machine.text())[-1])
        assert last <= TOTAL - TOTAL // 8
        assert last >= TOTAL * 3 // 4
        machine.qmp('balloon', value=TOTAL)


def test_floor_by_command_line(image):
    """`balloon_floor=` says what is kept."""
    with boot(image, cmdline='balloon_floor=100M') as machine:
        machine.wait('^balloon found')
        machine.qmp('balloon', value=MIB)
        machine.run_for(1.5)
        last = int(re.findall(r'held (\d+) ', machine.text())[-1])
        assert 0 < last <= 28 * MIB


def test_deflate_on_oom(image):
    """Memory that the program needs comes back from the balloon [BAL-06]."""
    with boot(image, ',deflate-on-oom=on', mode='starve') as machine:
        machine.wait('^balloon found')
        machine.qmp('balloon', value=TOTAL - 80 * MIB)
        found = machine.wait(r'starved after (\d+) MiB, reclaimed (\d+)\r?\n')
        assert int(found[1]) > 40 and int(found[2]) >= 60 * MIB
        assert machine.exit_code() == 0


def test_statistics(image):
    """The host reads the guest's memory figures [BAL-07]."""
    with boot(image) as machine:
        machine.wait('^balloon found')
        path = '/machine/peripheral/balloon'
        machine.qmp('qom-set', path=path, property='guest-stats-polling-interval', value=1)
        for _ in range(60):
            stats = machine.qmp('qom-get', path=path, property='guest-stats')
            if stats['last-update']:
                break
            machine.run_for(0.1)
        figures = stats['stats']
        assert 0 < figures['stat-free-memory'] < figures['stat-total-memory'] <= TOTAL
        assert figures['stat-available-memory'] == figures['stat-free-memory']
        first = stats['last-update']
        for _ in range(60):
            machine.run_for(0.1)
            again = machine.qmp('qom-get', path=path, property='guest-stats')
            if again['last-update'] > first:
                return
        machine.fail('figures came once and never again')


def resident(machine):
    with open(f'/proc/{machine.process.pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) * 1024


@pytest.mark.parametrize('poison', ['', 'balloon_poison=0'])
def test_reporting(poison, image):
    """Idle memory goes back to the host, with the queue where there is no hinting before it
    [BAL-09] [BAL-11] [BAL-12]; filled if the guest says so [BAL-10]."""
    with boot(image, ',free-page-reporting=on', cmdline=poison, mode='use') as machine:
        machine.wait('^used 32 MiB')
        used = resident(machine)
        machine.wait(r'reported (2[4-9]|[3-9]\d)\d{6} ')
        for _ in range(50):
            if resident(machine) < used - 20 * MIB:
                return
            machine.run_for(0.1)
        machine.fail(f'the host has not got it back: {used} then, {resident(machine)} now')


def test_hinting(image, tmp_path):
    """A migration is told what need not be copied, and all comes back after it [BAL-08]."""
    # QEMU's I/O thread cannot raise a line under TCG, as it does with an event index.
    with boot(image, ',free-page-hint=on,iothread=thread0,event_idx=off', '-object', 'iothread,id=thread0',
              mode='use') as machine:
        machine.wait('^used 32 MiB')
        machine.qmp('migrate-set-parameters', max_bandwidth=MIB)
        machine.qmp('migrate', uri=f'exec:cat >{tmp_path}/state')
        found = machine.wait(r'hinted (\d{7,})')
        assert int(found[1]) >= 16 * MIB
        machine.qmp('migrate-set-parameters', max_bandwidth=1000 * MIB)
        for _ in range(200):
            if machine.qmp('query-migrate').get('status') == 'completed':
                break
            time.sleep(0.1)
        machine.qmp('cont')
        machine.wait('hinted 0$')
