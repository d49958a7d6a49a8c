/**
 * Deletes many links as fast as one. Each deletion of a single link waits for the kernel's readers (16 ms), one after
 * another; the deletion of a group waits once for all of them.
 */
import type { NetlinkSocket } from "../netlink/index.ts"
import { deleteGroup, setGroup } from "./link-requests.ts"

/** `ovl` and a zero in ASCII: a number that nobody else gives to a group of links that are to stay. */
const DOOMED_GROUP = 0x6f_76_6c_00

/** Those that are gone already are done. All in one send, so that none is left marked for deletion. */
export function deleteTogether(socket: NetlinkSocket, names: readonly string[]): void {
  if (names.length === 0) return
  const batch = socket.batch()
  for (const name of names) setGroup(batch, name, DOOMED_GROUP)
  deleteGroup(batch, DOOMED_GROUP)
  batch.commit(["ENODEV"])
}
