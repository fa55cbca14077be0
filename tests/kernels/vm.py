"""Kernels that can be had by apt, fetched without being installed, and booted with the host's
files.

Packages come through a configuration of apt's that is private to us: its lists, cache and sources
are in the cache folder, ~/.cache/zctrace-kernels unless ZCTRACE_KERNELS names another. The mirror
is the one that this machine uses for Debian.

A machine has the host's root below it, read-only over 9p, and one folder that both can write. What
it runs is therefore what is installed here.
"""
import base64
import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get('ZCTRACE_KERNELS') or os.path.expanduser('~/.cache/zctrace-kernels')
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
SUITES = (('debian', 'bullseye'), ('debian-security', 'bullseye-security'),
          ('debian', 'bookworm'), ('debian-security', 'bookworm-security'),
          ('debian', 'trixie'), ('debian', 'trixie-backports'), ('debian', 'sid'))
# in the order in which they want one another
MODULES = ('crc32c_generic', 'virtio_ring', 'virtio', 'virtio_pci_modern_dev',
           'virtio_pci_legacy_dev', 'virtio_pci', 'netfs', 'fscache', '9pnet', '9pnet_virtio', '9p')

# what differs between architectures; the key is Debian's name of it
MACHINES = {
    'amd64': {
        'qemu': 'qemu-system-x86_64',
        'args': ['-M', 'q35', '-cpu', 'max'],
        'console': 'ttyS0',
        'kernel': 'no_timer_check', # what is emulated on a busy host is late
    },
    'arm64': {
        'qemu': 'qemu-system-aarch64',
        'args': ['-M', 'virt', '-cpu', 'cortex-a57'],
        'console': 'ttyAMA0',
        'kernel': '',
    },
}
HOST = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine())
# what a root of its own has: what inside.py and its tests run
PACKAGES = 'python3,nginx-light,curl,openssl,busybox-static,dash,coreutils,util-linux,procps'
UNUSED = ('usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/perl')
RESULT = 'vm: result ' # what is behind it, on the console of a machine that shares no folder


def mirror():
    """Where this machine gets Debian from."""
    done = subprocess.run(['apt-get', 'indextargets', '--format', '$(SITE)',
                           'Created-By: Packages'],
                          stdout=subprocess.PIPE, text=True, check=False)
    sites = [s.rstrip('/') for s in done.stdout.split() if s.rstrip('/').endswith('/debian')]
    if not sites:
        sys.exit("none of apt's sources is an archive of Debian: there is nowhere to get kernels "
                 "from")
    return sites[0][:-len('/debian')]


def configure(arch):
    """Writes apt's private configuration and returns the environment in which apt uses it."""
    root = os.path.join(CACHE, 'apt', arch)
    for d in ('state/lists/partial', 'cache/archives/partial', 'etc'):
        os.makedirs(os.path.join(root, d), exist_ok=True)
    open(os.path.join(root, 'status'), 'w', encoding='utf-8').close()
    site = mirror()
    with open(os.path.join(root, 'sources.list'), 'w', encoding='utf-8') as f:
        for part, suite in SUITES:
            f.write(f'deb [signed-by={KEYRING} check-valid-until=no] {site}/{part} {suite} main\n')
    with open(os.path.join(root, 'apt.conf'), 'w', encoding='utf-8') as f:
        f.write(f'Dir::State "{root}/state";\nDir::State::status "{root}/status";\n'
                f'Dir::Cache "{root}/cache";\nDir::Etc::SourceList "{root}/sources.list";\n'
                'Dir::Etc::SourceParts "/dev/null";\nAPT::Sandbox::User "root";\n'
                f'APT::Architecture "{arch}";\nAPT::Architectures {{ "{arch}"; }};\n'
                '#clear APT::Update::Post-Invoke-Success;\n#clear APT::Update::Post-Invoke;\n'
                '#clear DPkg::Post-Invoke;\n')
    return dict(os.environ, APT_CONFIG=os.path.join(root, 'apt.conf'),
                DEBIAN_FRONTEND='noninteractive')


def numbers(text):
    return [int(n) for n in re.findall(r'\d+', text)]


def series(name):
    """('6', '12') of linux-image-6.12.117+deb13-amd64."""
    return tuple(re.match(r'linux-\w+-(\d+)\.(\d+)', name).groups())


@contextlib.contextmanager
def locked():
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, 'lock'), 'w', encoding='utf-8') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def served(arch):
    """{(major, minor): packages of the newest kernel of that series, with modules if any}"""
    env = configure(arch)
    subprocess.run(['apt-get', 'update', '-qq'], env=env, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(['apt-cache', 'pkgnames', 'linux-'], env=env, check=True,
                          stdout=subprocess.PIPE, text=True)
    names = [n for n in done.stdout.split()
             if re.fullmatch(rf'linux-(image|binary|modules)-\d+\.\d+\.\d[^-]*(-\d+)?-{arch}', n)]
    best, bare = {}, {}
    for n in sorted(names, key=numbers):
        modules = n.replace('-binary-', '-modules-')
        if '-image-' in n and n.replace('-image-', '-binary-') not in names:
            best[series(n)] = [n]
        elif '-binary-' in n and modules in names:
            best[series(n)] = [n, modules]
        elif '-binary-' in n:
            bare[series(n)] = [n]
    return bare | best


def unpack(debs, to):
    """The kernel and the modules that a machine needs to find its root."""
    with tempfile.TemporaryDirectory(dir=CACHE) as t:
        for deb in debs:
            subprocess.run(['dpkg-deb', '-x', deb, t], check=True)
        for top, _, files in os.walk(t):
            for f in files:
                name, path = f.split('.')[0].replace('-', '_'), os.path.join(top, f)
                if f == 'vmlinuz' or f.startswith('vmlinuz-'):
                    shutil.copy(path, os.path.join(to, 'vmlinuz'))
                elif re.search(r'\.ko(\.xz)?$', f) and name in MODULES:
                    shutil.copy(path, to)
                    if f.endswith('.xz'):
                        subprocess.run(['xz', '-df', os.path.join(to, f)], check=True)
    for f in os.listdir(to):
        if '-' in f:
            os.rename(os.path.join(to, f), os.path.join(to, f.replace('-', '_')))


def fetch(arch, wanted):
    """A folder with the newest kernel of each series ('6.12', ...), or None for one not served."""
    with locked():
        have = served(arch)
        for w in wanted:
            packages = have.get(tuple(w.split('.')))
            if not packages:
                yield w, None
                continue
            to = os.path.join(CACHE, arch, packages[0].split('-', 2)[2])
            if not os.path.exists(os.path.join(to, 'done')):
                shutil.rmtree(to, ignore_errors=True)
                os.makedirs(to)
                with tempfile.TemporaryDirectory(dir=CACHE) as t:
                    subprocess.run(['apt-get', 'download', '-qq'] + packages, cwd=t,
                                   env=configure(arch),
                                   check=True)
                    unpack([os.path.join(t, f) for f in os.listdir(t)], to)
                open(os.path.join(to, 'done'), 'w', encoding='utf-8').close()
            yield w, to


def release():
    with open('/etc/os-release', encoding='utf-8') as f:
        return re.search(r'^VERSION_CODENAME=(\w+)', f.read(), re.M).group(1)


def make_root(arch):
    """A folder with what a machine runs that does not run what is installed here. Nothing of it is
    configured: files as they come in packages."""
    to = os.path.join(CACHE, arch, 'root-' + release())
    with locked():
        if os.path.exists(os.path.join(to, 'done')):
            return to
        shutil.rmtree(to, ignore_errors=True)
        subprocess.run(['mmdebstrap', '--variant=extract', '--mode=root', f'--arch={arch}',
                        '--include', PACKAGES, '--quiet', release(), to], check=True)
        for d in UNUSED:
            shutil.rmtree(os.path.join(to, d), ignore_errors=True)
        for d in ('proc', 'sys', 'dev', 'tmp', 'run', 'root', 'var/log'):
            os.makedirs(os.path.join(to, d), exist_ok=True)
        for name, text in (('passwd', 'root:x:0:0::/root:/bin/sh\n'), ('group', 'root:x:0:\n'),
                           ('hosts', '127.0.0.1 localhost\n')):
            with open(os.path.join(to, 'etc', name), 'w', encoding='utf-8') as f:
                f.write(text)
        open(os.path.join(to, 'done'), 'w', encoding='utf-8').close()
    return to


def is_bare(kernel):
    """Without what a machine needs to see files of this host."""
    return not os.path.exists(os.path.join(kernel, '9p.ko'))


def initramfs(kernel, root, work, path):
    """init and what it needs; with a bare kernel, all that is needed."""
    with tempfile.TemporaryDirectory(dir=CACHE) as t:
        for d in ('bin', 'm'):
            os.makedirs(os.path.join(t, d))
        busybox = shutil.which('busybox', path=f'{root}/bin:{root}/usr/bin')
        shutil.copy(busybox, os.path.join(t, 'bin'))
        shutil.copy(os.path.join(HERE, 'init'), t)
        os.chmod(os.path.join(t, 'init'), 0o755)
        for f in os.listdir(kernel):
            if f.endswith('.ko'):
                shutil.copy(os.path.join(kernel, f), os.path.join(t, 'm'))
        with open(os.path.join(t, 'm', 'order'), 'w', encoding='utf-8') as f:
            f.write(' '.join(m for m in MODULES if os.path.exists(os.path.join(t, 'm', m + '.ko'))))
        if is_bare(kernel):
            subprocess.run(['cp', '-a', root, os.path.join(t, 'mnt')], check=True)
            subprocess.run(['cp', '-a', work, os.path.join(t, 'mnt/tmp/vm')], check=True)
        names = subprocess.run(['find', '.'], cwd=t, stdout=subprocess.PIPE, check=True).stdout
        with open(path, 'wb') as f:
            subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=t, input=names, stdout=f,
                           check=True)


def take_result(text, work):
    """What a machine that shares no folder has printed of its result."""
    found = re.search(rf'{RESULT}(\S+)', text)
    if found:
        with open(os.path.join(work, 'result'), 'wb') as f:
            f.write(base64.b64decode(found.group(1)))


def boot(arch, kernel, work, script, args='', timeout=300, cpus=2, single=False):
    """Runs work/script in a machine; returns what its console printed. What the script leaves in
    work/result is there afterwards. single: one thread of the host emulates all processors, without
    which some kernels do not survive their own text patching."""
    machine, bare = MACHINES[arch], is_bare(kernel)
    root = '/' if arch == HOST and not bare else make_root(arch)
    # what is emulated behaves alike everywhere; ZCTRACE_KVM=1 where the host's own support is good
    kvm = os.environ.get('ZCTRACE_KVM') and arch == HOST
    accel = 'kvm' if kvm else f'tcg,thread={"single" if single else "multi"}'
    with tempfile.TemporaryDirectory(dir=CACHE) as t:
        rd = os.path.join(t, 'initramfs')
        initramfs(kernel, root, work, rd)
        command = [machine['qemu'], *machine['args'], '-accel', accel, '-smp', str(cpus),
                   '-m', '2G', '-nographic', '-no-reboot', '-net', 'none', '-kernel',
                   os.path.join(kernel, 'vmlinuz'), '-initrd', rd, '-append',
                   f'console={machine["console"]} panic=-1 oops=panic loglevel=4 '
                   f'rcupdate.rcu_cpu_stall_timeout=300 {machine["kernel"]} script={script} '
                   f'{"bare" if bare else ""} {args}']
        for tag, path, ro in (('host', root, 'on'), ('vm', work, 'off')) if not bare else ():
            command += ['-virtfs', f'local,path={path},mount_tag={tag},security_model=none,'
                        f'readonly={ro},multidevs=remap']
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout, check=False)
            text = done.stdout
        except subprocess.TimeoutExpired as e:
            text = (e.stdout or b'') + f'\nvm: no end within {timeout} s\n'.encode()
    text = text.decode('utf-8', 'replace').replace('\r', '')
    take_result(text, work)
    return text
