/**
 * Speaks to the service manager that started the daemon: ready, what it does, stopping, and a sign of life while its loop
 * turns. Each is one datagram to the socket named by NOTIFY_SOCKET (sd_notify(3), sd_watchdog_enabled(3)).
 */
import type { Clock } from "../base/clock.ts"
import { AF_UNIX, close, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, sendto, socket } from "../linux/libc.ts"

const US_PER_MS = 1_000

export interface ServiceManager {
  /** `status` is for people: one line, which `systemctl status` shows. */
  ready(status: string): void
  stopping(): void
  /**
   * Where the manager waits for signs of life, gives one at every half of the time that it allows, as it asks for. A loop
   * that stalls gives none, and is started again. Returns what ends it.
   */
  watch(clock: Clock): () => void
}

const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]

/**
 * Does nothing where no service manager asked for it, and never fails the daemon. Takes its variables out of `env`: what
 * this process starts must not speak for it.
 */
export function serviceManager(env: Record<string, string | undefined>, pid: number): ServiceManager {
  const path = env.NOTIFY_SOCKET
  const intervalMs = watchdogMs(env, pid) / 2
  for (const name of VARIABLES) delete env[name]
  const tell = (lines: string, flags = MSG_DONTWAIT) => {
    if (path) send(path, lines, flags)
  }
  return {
    // The one word that must arrive, and the first: it waits for room. With the others a manager that does not read would
    // hold up the daemon's loop.
    ready: (status) => tell(`READY=1\nSTATUS=${status.replaceAll("\n", " ")}\n`, 0),
    stopping: () => tell("STOPPING=1\nSTATUS=stopping; the data plane stays as it is\n"),
    watch(clock) {
      if (!path || !(intervalMs > 0)) return () => {}
      let cancel = () => {}
      const again = () => {
        tell("WATCHDOG=1\n")
        cancel = clock.after(intervalMs, again)
      }
      again()
      return () => cancel()
    },
  }
}

/** 0 where no sign of life is wanted, or another process's. */
function watchdogMs(env: Record<string, string | undefined>, pid: number): number {
  const { WATCHDOG_USEC = "", WATCHDOG_PID = "" } = env
  if (WATCHDOG_PID !== "" && WATCHDOG_PID !== String(pid)) return 0
  return /^\d{1,15}$/.test(WATCHDOG_USEC) ? Number(WATCHDOG_USEC) / US_PER_MS : 0
}

function send(path: string, lines: string, flags: number): void {
  // struct sockaddr_un: the family, then the path; a leading `@` stands for the abstract namespace's zero byte.
  const name = new TextEncoder().encode(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`)
  const address = new Uint8Array(2 + name.length)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(name, 2)
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  try {
    sendto(fd, new TextEncoder().encode(lines), address, flags)
  } catch {
    // The manager is gone, does not read, or is not ours to reach.
  } finally {
    close(fd)
  }
}
