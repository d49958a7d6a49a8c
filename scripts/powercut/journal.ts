/**
 * Reads what the recorder (journal.c) wrote: calls that changed the store's file, each with its end, and the requests and
 * answers of the daemon's HTTP, all in the order in which they happened.
 */

/** A change of the file that was begun. Its end is another event, which names this one by its position. */
export type DiskEvent =
  | { kind: "write"; member: number; offset: number; bytes: Uint8Array }
  | { kind: "sync"; member: number }
  | { kind: "truncate"; member: number; size: number }
  /** `begun`: the position of the event that is over; `durable`: it is on disk, or, of a sync, all before it is. */
  | { kind: "end"; member: number; begun: number; result: number; durable: boolean }

/** `connection` is a file descriptor: one connection at a time has the number. `text` is cut off after a kilobyte. */
export interface TalkEvent {
  kind: "request" | "answer"
  member: number
  connection: number
  text: string
}

export type JournalEvent = DiskEvent | TalkEvent

const MAGIC = 0x4a435750
const HEAD_BYTES = 32
const DURABLE = 1
const KINDS = ["write", "sync", "truncate", "end", "request", "answer", "strange", "start"] as const

interface RecordHead {
  kind: (typeof KINDS)[number]
  flags: number
  member: number
  thread: number
  length: number
  place: number
  value: number
}

/** A run that cannot be judged: what was recorded is not what the harness understands. */
export class VoidRun extends Error {}

/** Throws `VoidRun` where the journal is damaged, or tells of a change that images cannot show. */
export function readJournal(journal: Uint8Array): JournalEvent[] {
  const view = new DataView(journal.buffer, journal.byteOffset, journal.byteLength)
  const events: JournalEvent[] = []
  /** By member and thread: what it has begun. */
  const open = new Map<string, number>()
  for (let at = 0; at < journal.length; ) {
    if (at + HEAD_BYTES > journal.length) throw new VoidRun("the journal is cut off")
    const head = readHead(view, at)
    const end = at + HEAD_BYTES + head.length
    if (end > journal.length) throw new VoidRun("the journal is cut off")
    const event = eventOf(head, journal.subarray(at + HEAD_BYTES, end), open, events.length)
    if (event !== null) events.push(event)
    at = end
  }
  return events
}

/** A daemon was started: nobody knows what became of a call in which the one before it was killed. */
function started(open: ReadonlyMap<string, number>, member: number): null {
  for (const who of open.keys())
    if (who.startsWith(`${member} `)) throw new VoidRun("a daemon was killed in the midst of a change; try again")
  return null
}

function readHead(view: DataView, at: number): RecordHead {
  const kind = KINDS[view.getUint8(at + 4) - 1]
  if (view.getUint32(at, true) !== MAGIC || kind === undefined) throw new VoidRun(`no record at byte ${at}`)
  return {
    kind,
    flags: view.getUint8(at + 5),
    member: view.getUint8(at + 6),
    thread: view.getUint32(at + 8, true),
    length: view.getUint32(at + 12, true),
    place: Number(view.getBigInt64(at + 16, true)),
    value: Number(view.getBigInt64(at + 24, true)),
  }
}

function eventOf(
  head: RecordHead,
  bytes: Uint8Array,
  open: Map<string, number>,
  position: number,
): JournalEvent | null {
  const { kind, member, place } = head
  const who = `${member} ${head.thread}`
  if (kind === "request" || kind === "answer") return { kind, member, connection: place, text: latin(bytes) }
  if (kind === "strange") throw new VoidRun(`the store's file was changed by ${latin(bytes)}`)
  if (kind === "start") return started(open, member)
  if (kind === "end") {
    const begun = open.get(who)
    if (begun === undefined) throw new VoidRun(`thread ${who} ended what it had not begun`)
    open.delete(who)
    return { kind, member, begun, result: head.value, durable: (head.flags & DURABLE) !== 0 }
  }
  if (open.has(who)) throw new VoidRun(`thread ${who} did two things at once`)
  open.set(who, position)
  if (kind === "write") return { kind, member, offset: place, bytes }
  return kind === "sync" ? { kind, member } : { kind, member, size: place }
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1")
}

/** Whether this member has begun something and not ended it. */
export function isWithinCall(events: readonly JournalEvent[], member: number): boolean {
  const open = new Set<number>()
  for (const [position, event] of events.entries()) {
    if ("text" in event || event.member !== member) continue
    if (event.kind === "end") open.delete(event.begun)
    else open.add(position)
  }
  return open.size > 0
}
