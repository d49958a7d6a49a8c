/**
 * Deletes many links as fast as one. Each deletion of a single link waits for the kernel's readers (16 ms), one after
 * another; the deletion of a group waits once for all of them, and those of several namespaces wait at the same time.
 */
import { NETLINK_SEND_MAX_REQUESTS } from "../base/limits.ts"
import { type NetlinkError, type NetlinkSocket, sendTogether } from "../netlink/index.ts"
import { deleteGroup, setGroup } from "./link-requests.ts"

/** `ovl` and a zero in ASCII: a number that nobody else gives to a group of links that are to stay. */
const DOOMED_GROUP = 0x6f_76_6c_00
const NAMES_PER_SEND_MAX = NETLINK_SEND_MAX_REQUESTS - 1

/** Links of one namespace. */
export interface DoomedLinks {
  socket: NetlinkSocket
  names: readonly string[]
}

/**
 * Those that are gone already are done. Each socket comes once. Returns for each place of `doomed` the kernel's first
 * refusal, null where there was none.
 */
export function deleteTogether(doomed: readonly DoomedLinks[]): (NetlinkError | null)[] {
  const refusals: (NetlinkError | null)[] = doomed.map(() => null)
  for (let start = 0; ; start += NAMES_PER_SEND_MAX) {
    const places = doomed.flatMap(({ names }, place) => (names.length > start ? [place] : []))
    if (places.length === 0) return refusals
    const some = (place: number) => ({
      socket: doomed[place]!.socket,
      names: doomed[place]!.names.slice(start, start + NAMES_PER_SEND_MAX),
    })
    const sent = sendTogether(places.map((place) => batchOf(some(place))))
    for (const [at, failures] of sent.entries()) {
      const refusal = failures.find((one) => one.errnoName !== "ENODEV")
      if (refusal === undefined) continue
      refusals[places[at]!] ??= refusal
      unmark(some(places[at]!))
    }
  }
}

/** Else what could not be deleted now would stand in the way of the next deletion, or go with it. */
function unmark({ socket, names }: DoomedLinks): void {
  const batch = socket.batch()
  for (const name of names) setGroup(batch, name, 0)
  batch.send()
}

function batchOf({ socket, names }: DoomedLinks) {
  const batch = socket.batch()
  for (const name of names) setGroup(batch, name, DOOMED_GROUP)
  deleteGroup(batch, DOOMED_GROUP)
  return batch
}
