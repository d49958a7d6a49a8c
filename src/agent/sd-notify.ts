/** Tells systemd that the daemon is ready: one datagram to the socket named by NOTIFY_SOCKET (sd_notify(3)). */
import { AF_UNIX, close, SOCK_CLOEXEC, SOCK_DGRAM, sendto, socket } from "../linux/libc.ts"

/** Does nothing where no service manager asked for it, and never fails the daemon. */
export function notifyReady(): void {
  const path = process.env.NOTIFY_SOCKET
  if (!path) return
  // struct sockaddr_un: the family, then the path; a leading `@` stands for the abstract namespace's zero byte.
  const name = new TextEncoder().encode(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`)
  const address = new Uint8Array(2 + name.length)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(name, 2)
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  try {
    sendto(fd, new TextEncoder().encode("READY=1\n"), address)
  } catch {
    // The manager is gone, or not ours to reach.
  } finally {
    close(fd)
  }
}
