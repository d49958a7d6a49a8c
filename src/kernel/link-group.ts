/**
 * Deletes many links as fast as one. Each deletion of a single link waits for the kernel's readers (16 ms), one after
 * another; the deletion of a group waits once for all of them, and those of several namespaces wait at the same time.
 */
import { NETLINK_SEND_MAX_REQUESTS } from "../base/limits.ts"
import { type NetlinkSocket, sendTogether } from "../netlink/index.ts"
import { deleteGroup, setGroup } from "./link-requests.ts"

/** `ovl` and a zero in ASCII: a number that nobody else gives to a group of links that are to stay. */
const DOOMED_GROUP = 0x6f_76_6c_00
/** The kernel carries a send out as a whole: so none is left marked for deletion. */
const NAMES_PER_SEND_MAX = NETLINK_SEND_MAX_REQUESTS - 1

/** Links of one namespace. */
export interface DoomedLinks {
  socket: NetlinkSocket
  names: readonly string[]
}

/** Those that are gone already are done. Each socket comes once. */
export function deleteTogether(doomed: readonly DoomedLinks[]): void {
  for (let start = 0; ; start += NAMES_PER_SEND_MAX) {
    const batches = doomed.flatMap(({ socket, names }) => {
      const some = names.slice(start, start + NAMES_PER_SEND_MAX)
      return some.length === 0 ? [] : [batchOf(socket, some)]
    })
    if (batches.length === 0) return
    const failure = sendTogether(batches)
      .flat()
      .find((one) => one.errnoName !== "ENODEV")
    if (failure !== undefined) throw failure
  }
}

function batchOf(socket: NetlinkSocket, names: readonly string[]) {
  const batch = socket.batch()
  for (const name of names) setGroup(batch, name, DOOMED_GROUP)
  deleteGroup(batch, DOOMED_GROUP)
  return batch
}
