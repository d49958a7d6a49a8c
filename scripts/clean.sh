#!/bin/sh
# Takes away what the other commands made: labs, processes that run from dist/ovl, and dist itself. What was installed
# stays. Processes are found by the very file they run, and ended by their numbers.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd -P)
program="$root/dist/ovl"

say() { printf 'clean: %s\n' "$*"; }

# Processes that run this checkout's executable, also where a newer build has taken its place.
running() {
  for link in /proc/[0-9]*/exe; do
    file=$(readlink "$link" 2>/dev/null) || continue
    case "$file" in
    "$program" | "$program (deleted)" | "$program".*)
      pid=${link#/proc/}
      printf '%s ' "${pid%/exe}"
      ;;
    esac
  done
}

# Sends signal $1 to what still runs, and waits up to $2 tenths of a second for it to end.
end_with() {
  pids=$(running)
  for pid in $pids; do kill -s "$1" "$pid" 2>/dev/null || :; done
  left=$2
  for pid in $pids; do
    while kill -s 0 "$pid" 2>/dev/null && [ "$left" -gt 0 ]; do
      sleep 0.1
      left=$((left - 1))
    done
  done
}

if [ "$(id -u)" = 0 ]; then
  if [ ! -x "$program" ] && [ -n "$(running)" ]; then
    say "a lab may be up, and dist/ovl is gone: building it again to take the lab down"
    node_modules/.bin/bun scripts/build.ts
  fi
  if [ -x "$program" ]; then "$program" lab down --all >&2; fi
else
  say "not root: labs and processes of root are left alone; run: sudo make clean"
fi

left_over=$(running)
if [ -n "$left_over" ]; then
  say "ending what still runs from dist/ovl: $left_over"
  end_with TERM 50
  end_with KILL 20
fi

rm -rf dist .cache
say "no build product, no lab, no process"
