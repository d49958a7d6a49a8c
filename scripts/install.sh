#!/bin/sh
# Installs what is missing on this machine, one line for each thing it installs, and nothing when nothing is missing.
# Plain POSIX shell, because on a fresh machine there is nothing else yet.
#
#   sh scripts/install.sh build|lab|test
#
#   build   what turns the sources into dist/ovl: node, npm, the npm packages of package-lock.json
#   lab     build, and what a node uses at run time: iproute2, iptables, ping
#   test    lab, and what tests and benchmarks compare and measure with
set -eu

cd "$(dirname "$0")/.."
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

group="${1:-build}"
modules=node_modules
stamp="$modules/.ovl-stamp"
bun="$modules/.bin/bun"

say() { printf 'install: %s\n' "$*"; }
refuse() {
  printf 'install: %s\n' "$1" >&2
  printf 'hint: %s\n' "$2" >&2
  exit 1
}

# A table of command and Debian package: a command that is there needs no package, wherever it came from.
build_tools="node:nodejs npm:npm"
lab_tools="ip:iproute2 iptables:iptables ping:iputils-ping"
test_tools="tcpdump:tcpdump tshark:tshark strace:strace iperf3:iperf3 curl:curl python3:python3 ps:procps wrk:wrk etcd:etcd-server tcc:tcc"

missing_packages() {
  for pair in $1; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || printf ' %s' "${pair#*:}"
  done
}

# npm speaks https, and nodejs only recommends the certificates.
missing_certificates() {
  [ -e /etc/ssl/certs/ca-certificates.crt ] || printf ' ca-certificates'
}

install_packages() {
  command -v apt-get >/dev/null 2>&1 ||
    refuse "missing:$1, and this is no Debian: there is no apt-get" "install these with your own package manager"
  say "Debian packages:$1"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086 # the list is meant to be split
  if apt-get -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 &&
    apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install $1 >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    rm -f "$log"
    refuse "apt-get could not install:$1" "the reason stands above"
  fi
}

# What the build needs is refused where it cannot be installed; without the rest there is still work that can be done.
need_packages() {
  needed=$(missing_packages "$build_tools")
  [ -f "$stamp" ] || needed="$needed$(missing_certificates)"
  wanted=$(missing_packages "$1")
  if [ "$(id -u)" = 0 ]; then
    [ -z "$needed$wanted" ] || install_packages "$needed$wanted"
    return 0
  fi
  [ -z "$needed" ] || refuse "needs root to install Debian packages:$needed" "run: sudo sh scripts/install.sh $group"
  [ -z "$wanted" ] || say "not root, so not installed:$wanted (what needs them is skipped)"
}

wanted_stamp() { sha256sum package-lock.json | cut -d' ' -f1; }

packages_are_current() {
  [ -f "$stamp" ] && [ -x "$bun" ] && [ "$(cat "$stamp")" = "$(wanted_stamp)" ]
}

# No package's install script is run: npm 11 asks first, older ones do not, and one way on every machine is better.
# Only bun's matters, and it is called by hand: it puts the executable of this platform in the place of a placeholder.
install_modules() {
  packages_are_current && return 0
  node -e 'process.exit(Number.parseInt(process.versions.node) >= 18 ? 0 : 1)' ||
    refuse "node $(node --version) is too old: 18 or later is wanted" "install a newer nodejs"
  say "npm packages: $(grep -c '"node_modules/' package-lock.json) in package-lock.json, those of this platform"
  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2 ||
    refuse "npm ci failed" "the reason stands above; npm needs a network or a filled cache"
  node "$modules/bun/install.js" >&2 && "$bun" --version >/dev/null ||
    refuse "the runtime that npm's bun package brings does not run here" "x86-64 and arm64 Linux are supported"
  wanted_stamp >"$stamp"
}

case "$group" in
build) need_packages "" ;;
lab) need_packages "$lab_tools" ;;
test) need_packages "$lab_tools $test_tools" ;;
*) refuse "no such group: $group" "one of: build lab test" ;;
esac

# Two runs at once must not take each other's packages away.
if ! packages_are_current; then
  if command -v flock >/dev/null 2>&1; then
    exec 9<package.json
    flock 9
  fi
  install_modules
fi
