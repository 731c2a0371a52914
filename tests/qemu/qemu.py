# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
"""Runs one QEMU and watches it: what the tests and the benchmarks share.

    with Machine('build/hello.elf', door='pvh', machine='q35') as m:
        m.wait('hello')            # a line on the serial port, by regular expression
        assert m.exit_code() == 0  # the guest's own, through isa-debug-exit

Every wait has a deadline; what fails says what the guest printed last.
"""
import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QEMU = os.environ.get('QEMU', 'qemu-system-x86_64')

# The doors: how the same file gets into the machine.
DOORS = ('multiboot1', 'pvh', 'bios', 'uefi')
MACHINES = {
    'pc': ['-M', 'pc'],
    'q35': ['-M', 'q35'],
    # Firmware and clock as in its "legacy" configuration; devices on its serial port only.
    'microvm': ['-M', 'microvm,pit=on,pic=on,rtc=on,isa-serial=on'],
    'microvm-no-acpi': ['-M', 'microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on'],
    'microvm-pcie': ['-M', 'microvm,pcie=on,pit=on,pic=on,rtc=on,isa-serial=on'],
}
# Those whose virtio devices are not on PCI.
MMIO_MACHINES = ('microvm', 'microvm-no-acpi')
MULTIBOOT1_MAGIC = b'\x02\xb0\xad\x1b'
# Slow machines and sanitizers: all limits are multiplied by this.
PATIENCE = float(os.environ.get('FERRULE_PATIENCE', '1'))

# The guest's statuses, as in kernel/panic.h.
STATUS = {'boot': 119, 'panic': 120, 'trap': 121, 'stack': 122, 'smash': 123, 'signal': 124}


def noted(command):
    """Told of each machine's command line; for who keeps a list (conftest.py)."""


class QemuError(AssertionError):
    """The guest or QEMU did not do what was waited for."""


def ovmf():
    """The UEFI firmware's code and variables, or None."""
    for code, variables in (('OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'),
                            ('OVMF_CODE.fd', 'OVMF_VARS.fd')):
        pair = [os.path.join('/usr/share/OVMF', name) for name in (code, variables)]
        if all(map(os.path.exists, pair)):
            return pair
    return None


def cpu_has_virtualisation():
    with open('/proc/cpuinfo') as f:
        return re.search(r'^flags\s*:.*\b(vmx|svm)\b', f.read(), re.M) is not None


def without_multiboot1(image, out):
    """A copy of the image whose Multiboot 1 header is no header any more.

    QEMU looks for that first and takes it, so this is the only way to see it enter a file
    that has both by PVH; all other bytes stay as they are."""
    with open(image, 'rb') as f:
        data = bytearray(f.read())
    at = data.find(MULTIBOOT1_MAGIC, 0, 8192)
    if at >= 0:
        data[at:at + 4] = bytes(4)
    with open(out, 'wb') as f:
        f.write(data)
    return out


# What firmware and GRUB do to colours and cursor is no text.
CURSOR = re.compile(rb'\x1b\[[0-9;=?]*[A-Za-z]')
UNFINISHED = re.compile(rb'(\r|\x1b(\[[0-9;=?]*)?)?\Z')


class Stream:
    """One end of a byte channel of QEMU: what came, with its line ends as \\n and without moves
    of the cursor, and how far it was already looked at."""

    def __init__(self, name):
        self.name = name
        self.ours, self.qemus = socket.socketpair()
        self.ours.setblocking(False)
        self.data = bytearray()
        self.held = b''
        self.seen = 0
        self.open = True

    def text(self):
        return self.data.decode('utf-8', 'replace')

    def pump(self):
        try:
            got = self.ours.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            got = b''
        self.open = bool(got)
        got = self.held + got
        self.held = UNFINISHED.search(got)[0] if self.open else b''
        got = got[:len(got) - len(self.held)]
        # GRUB ends with a carriage return and moves of the cursor instead of a line end.
        self.data += CURSOR.sub(b'', got.replace(b'\r\n', b'\n')).replace(b'\r', b'\n')

    def search(self, pattern):
        """The first match in what no earlier search went past; one that ends in a number only
        when something is behind it, for there may be more of the number to come."""
        found = re.compile(pattern.encode(), re.M).search(self.data, self.seen)
        if found and self.open and found.end() == len(self.data) and self.data[-1:].isdigit():
            return None
        if found:
            self.seen = found.end()
        return found


class Machine:
    """A QEMU process with a guest in it.

    devices: QEMU arguments; '{tmp}' in them is a folder that goes when the machine does.
    console: also a virtio console. trace: names of QEMU trace events, counted by
    traced(). timeout: seconds for any one wait. pass_fds: descriptors QEMU is to have."""

    def __init__(self, image, door='multiboot1', machine='q35', memory='128M', cpu='max',
                 accel='tcg', devices=(), cmdline='', initrd=None, console=False, trace=(),
                 extra=(), timeout=20, debug_exit=True, iso=None, pass_fds=(),
                 cpus='1,maxcpus=2'):
        # With room for a second CPU TCG takes memory barriers for what they are: QEMU 7.2
        # leaves them out for a machine of one, and loses kicks and interrupts.
        self.image, self.door, self.timeout = image, door, timeout * PATIENCE
        self.tmp = tempfile.mkdtemp(prefix='ferrule-qemu-')
        self.process, self.pass_fds = None, list(pass_fds)
        try:
            self.streams = {name: Stream(name) for name in ('serial', 'qmp')}
            if console:
                self.streams['console'] = Stream('console')
            self.trace_file = os.path.join(self.tmp, 'trace')
            self.command = self._command(machine, memory, cpu, accel, devices, cmdline,
                                         initrd, trace, ['-smp', cpus, *extra], debug_exit,
                                         iso)
            noted(self.command)
            self._start()
        except BaseException:
            self.close()
            raise

    # Building the command line.

    def _command(self, machine, memory, cpu, accel, devices, cmdline, initrd, trace, extra,
                 debug_exit, iso):
        command = [QEMU, *MACHINES[machine], '-accel', accel, '-cpu', cpu, '-m', memory,
                   '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-S']
        command += self._channel('serial') + ['-serial', 'chardev:serial']
        command += self._channel('qmp') + ['-mon', 'chardev=qmp,mode=control']
        if debug_exit:
            command += ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
        if 'console' in self.streams:
            bus = 'device' if machine in MMIO_MACHINES else 'pci'
            command += self._channel('console') + [
                '-device', f'virtio-serial-{bus},id=vser', '-device',
                'virtconsole,chardev=console,bus=vser.0']
        command += self._entry(cmdline, initrd, iso)
        for event in trace:
            command += ['-trace', event]
        if trace:
            command += ['-D', self.trace_file]
        return command + [a.replace('{tmp}', self.tmp) for a in [*devices, *extra]]

    def _channel(self, name):
        return ['-chardev', f'socket,id={name},fd={self.streams[name].qemus.fileno()}']

    def _entry(self, cmdline, initrd, iso):
        if self.door in ('multiboot1', 'pvh'):
            image = self.image
            if self.door == 'pvh':
                image = without_multiboot1(image, os.path.join(self.tmp, 'pvh.elf'))
            args = ['-kernel', image]
            if cmdline:
                args += ['-append', cmdline]
            return args + (['-initrd', initrd] if initrd else [])
        if not iso:
            iso = os.path.join(self.tmp, 'image.iso')
            make_iso(self.image, iso, cmdline, initrd)
        args = ['-cdrom', iso]
        if self.door == 'uefi':
            code, variables = ovmf()
            copy = shutil.copy(variables, os.path.join(self.tmp, 'vars.fd'))
            args += ['-drive', f'if=pflash,format=raw,unit=0,readonly=on,file={code}',
                     '-drive', f'if=pflash,format=raw,unit=1,file={copy}']
        return args

    # Life.

    def _start(self):
        self.errors = open(os.path.join(self.tmp, 'errors'), 'w+b')
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
            pass_fds=[s.qemus.fileno() for s in self.streams.values()] + self.pass_fds)
        self.selector = selectors.DefaultSelector()
        for stream in self.streams.values():
            stream.qemus.close()
            self.selector.register(stream.ours, selectors.EVENT_READ, stream)
        # The guest runs from here on: QEMU was started stopped, so that its own failures
        # cannot be taken for a guest that ended with status 0 (both are exit 1).
        self.started = False
        self.qmp('qmp_capabilities')
        self.started = True
        self.start_time = time.monotonic()
        self.qmp('cont')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process = None
            self.selector.close()
            self.errors.close()
        for stream in getattr(self, 'streams', {}).values():
            stream.ours.close()
            stream.qemus.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    # Watching.

    def _pump(self, end):
        """Takes in what comes until `end`; False when QEMU has closed everything."""
        if not self.selector.get_map():
            return False
        for key, _ in self.selector.select(max(0, end - time.monotonic())):
            key.data.pump()
            if not key.data.open:
                self.selector.unregister(key.fileobj)
        return bool(self.selector.get_map())

    def fail(self, why):
        self.errors.flush()
        self.errors.seek(0)
        parts = [why, 'command: ' + ' '.join(self.command)]
        complaint = self.errors.read().decode(errors='replace').strip()
        if complaint:
            parts.append('QEMU said:\n' + complaint)
        for name in ('serial', 'console'):
            if name in self.streams:
                last = self.streams[name].text().splitlines()[-40:]
                parts.append(f'last lines on the {name}:\n' + '\n'.join(last))
        raise QemuError('\n'.join(parts))

    def wait(self, pattern, timeout=None, stream='serial'):
        """Waits for a match after the last one; returns it."""
        watched = self.streams[stream]
        end = time.monotonic() + (timeout * PATIENCE if timeout else self.timeout)
        running = True
        while True:
            found = watched.search(pattern)
            if found:
                return found
            if not running:
                self.fail(f'the guest ended without {pattern!r} on the {stream}')
            if time.monotonic() > end:
                self.fail(f'no {pattern!r} on the {stream} in time')
            running = self._pump(end)

    def run_for(self, seconds):
        """Lets the guest run, and takes in what it prints."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._pump(end):
            pass

    def send(self, text, stream='console'):
        """Types text."""
        data, end = text.encode() if isinstance(text, str) else text, \
            time.monotonic() + self.timeout
        while data:
            try:
                data = data[self.streams[stream].ours.send(data):]
            except BlockingIOError:
                if time.monotonic() > end:
                    self.fail(f'the guest does not read the {stream}')
                self._pump(time.monotonic() + 0.05)

    def text(self, stream='serial'):
        return self.streams[stream].text()

    def wait_end(self, timeout=None):
        """QEMU's own exit status."""
        end = time.monotonic() + (timeout * PATIENCE if timeout else self.timeout)
        while self._pump(end):
            if time.monotonic() > end:
                self.fail('the guest did not end in time')
        try:
            return self.process.wait(max(1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            return self.fail('QEMU did not end')

    def exit_code(self, timeout=None):
        """The guest's exit status: what it wrote to isa-debug-exit."""
        status = self.wait_end(timeout)
        if status < 0 or not status & 1:
            self.fail(f'QEMU ended with {status}, which is not the guest\'s doing')
        return status >> 1

    # QMP and traces.

    def qmp(self, command, **arguments):
        """Runs a QMP command; its answer. Events are passed over."""
        stream = self.streams['qmp']
        request = {'execute': command}
        if arguments:
            request['arguments'] = {k.replace('_', '-'): v for k, v in arguments.items()}
        stream.ours.setblocking(True)
        try:
            stream.ours.sendall(json.dumps(request).encode() + b'\n')
        except OSError:
            self.fail(f'QEMU is gone: no QMP {command}')
        finally:
            stream.ours.setblocking(False)
        end = time.monotonic() + 20 * PATIENCE
        while True:
            newline = stream.data.find(b'\n', stream.seen)
            if newline >= 0:
                answer = json.loads(stream.data[stream.seen:newline])
                stream.seen = newline + 1
                if 'error' in answer:
                    self.fail(f'QMP {command}: {answer["error"]}')
                if 'return' in answer:
                    return answer['return']
                continue
            if not stream.open or time.monotonic() > end:
                self.fail(f'no answer to QMP {command}')
            self._pump(end)

    def traced(self, event=None):
        """The lines of the trace (of one event)."""
        if not os.path.exists(self.trace_file):
            return []
        with open(self.trace_file, errors='replace') as f:
            return [line for line in f if event is None or re.search(rf'\b{event}\b', line)]


def make_iso(image, out, cmdline='', initrd=None):
    command = [os.path.join(ROOT, 'tools/mkiso'), '--cmdline', cmdline]
    if initrd:
        command += ['--initrd', initrd]
    done = subprocess.run(command + [image, out], capture_output=True, text=True)
    if done.returncode:
        raise QemuError(f'mkiso: {done.stderr or done.stdout}')
