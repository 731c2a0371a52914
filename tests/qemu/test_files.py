# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""The POSIX files test where it can write: ext4 disks of all block sizes, judged by e2fsck
afterwards; and disks that fail on the way."""
import subprocess

import pytest

import qemu


def drive(file, options=''):
    return ['-drive', f'file={file},format=raw,if=none,id=root{options}',
            '-device', 'virtio-blk-pci,drive=root']


def make_disk(path, size=4096, mebibytes=32):
    subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-b', str(size), path,
                    f'{mebibytes}M'], check=True, stderr=subprocess.DEVNULL)
    return path


def is_sound(disk):
    return subprocess.run(['e2fsck', '-fn', disk], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize('size', [1024, 2048, 4096])
def test_posix_files_ext4(size, image, tmp_path):
    disk = make_disk(str(tmp_path / 'disk'), size)
    with qemu.Machine(image('guest/posix_files'), cmdline='root=vda',
                      devices=drive(disk)) as machine:
        assert machine.exit_code(60) == 0, machine.text()
        assert 'PASS nothing is left behind' in machine.text()
    assert is_sound(disk)


def fail_from(event, count, path):
    """Rules for QEMU's blkdebug: the count-th event of its kind fails, and all later."""
    rules = [f'[set-state]\nstate = "{n}"\nevent = "{event}"\nnew_state = "{n + 1}"\n'
             for n in range(1, count)]
    rules.append(f'[inject-error]\nstate = "{count}"\nevent = "{event}"\nerrno = "5"\n')
    path.write_text('\n'.join(rules))
    return path


def ends_on(disk, rules, image):
    """What the test says on a disk that fails by these rules, at its end."""
    with qemu.Machine(image('guest/posix_files'), cmdline='root=vda', devices=drive(
            f'blkdebug:{rules}:{disk}', ',werror=report,rerror=report')) as machine:
        status = machine.exit_code(60)
        assert 0 < status < qemu.STATUS['boot'], machine.text()
        return machine.text()


@pytest.mark.parametrize('after', [1, 2, 4, 8])
def test_writes_fail(after, image, tmp_path):
    """From one write on, none is done: the program hears of it, and comes to its end."""
    disk = make_disk(str(tmp_path / 'disk'))
    assert 'errno 5' in ends_on(disk, fail_from('pwritev', after, tmp_path / 'rules'), image)


def test_flush_fails(image, tmp_path):
    """fsync() has the disk's cache written, and fails when that fails. (The first flush
    is that of the mark that the disk is in use; QEMU passes over those that nothing was
    written before.)"""
    disk = make_disk(str(tmp_path / 'disk'))
    text = ends_on(disk, fail_from('flush_to_disk', 2, tmp_path / 'rules'), image)
    assert 'FAIL fsync (errno 5)' in text, text
