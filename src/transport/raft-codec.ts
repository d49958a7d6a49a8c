/**
 * Messages of the consensus core as bytes:
 *
 *     u8 version | u8 type | u8 flags | to, from, term, logTerm, index, commit, rejectHint, context: 8 bytes each
 *     | u32 number of entries | each: term, index: 8 bytes each, u8 type, u32 length, data
 *     | if flagged, the snapshot: index, term: 8 bytes each, u8 autoLeave,
 *       voters, outgoing voters, learners, next learners: u32 number, 8 bytes each; u32 length, data
 *
 * Only what servers say to each other has a number here: what a server says to itself cannot be sent, nor be believed
 * when it comes in. Nor can the wish for a transfer, which names another server as its sender: it is a call to the
 * leader. Numbers are given once and never again.
 */
import { assert } from "../base/assert.ts"
import type { Message, MessageType } from "../raft/message.ts"
import type { ConfState, Entry, EntryType, NodeId, Snapshot } from "../raft/types.ts"
import { ByteReader, ByteWriter, malformed, NUMBER_BYTES } from "./raft-bytes.ts"

/** Raised when the bytes change. The greeting's protocol version is raised with it. */
export const RAFT_MESSAGE_VERSION = 1

const TYPES: readonly MessageType[] = [
  "MsgProp",
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgPreVote",
  "MsgPreVoteResp",
  "MsgSnap",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgTimeoutNow",
  "MsgReadIndex",
  "MsgReadIndexResp",
]
const TYPE_NUMBERS = new Map(TYPES.map((type, number) => [type, number]))
const ENTRY_TYPES: readonly EntryType[] = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"]

const REJECT = 1
const FORCE = 2
const SNAPSHOT = 4
const FLAGS_END = 8

const HEAD_BYTES = 3 + 8 * NUMBER_BYTES + 4
const ENTRY_HEAD_BYTES = 2 * NUMBER_BYTES + 1 + 4

/** Whether a message is one that servers send to each other. */
export function isRaftWireMessage(message: Message): boolean {
  return TYPE_NUMBERS.has(message.type) && message.to > 0
}

/** The bytes that `encodeRaftMessage` makes of it, without making them. */
export function raftMessageLength({ entries, snapshot }: Message): number {
  let length = HEAD_BYTES
  for (const entry of entries) length += ENTRY_HEAD_BYTES + entry.data.length
  return snapshot === undefined ? length : length + snapshotLength(snapshot)
}

/** A message as bytes. One that is for this server itself is a mistake of ours, as is a number that is none. */
export function encodeRaftMessage(message: Message): Uint8Array {
  const type = TYPE_NUMBERS.get(message.type)
  assert(type !== undefined, "only messages between servers are sent")
  const writer = new ByteWriter(raftMessageLength(message))
  writer.u8(RAFT_MESSAGE_VERSION)
  writer.u8(type)
  writer.u8((message.reject ? REJECT : 0) | (message.force ? FORCE : 0) | (message.snapshot ? SNAPSHOT : 0))
  writer.number(message.to)
  writer.number(message.from)
  writer.number(message.term)
  writer.number(message.logTerm)
  writer.number(message.index)
  writer.number(message.commit)
  writer.number(message.rejectHint)
  writer.number(message.context)
  writer.u32(message.entries.length)
  for (const entry of message.entries) writeEntry(writer, entry)
  if (message.snapshot) writeSnapshot(writer, message.snapshot)
  return writer.done()
}

/** The reverse; entries' data come as copies. Throws `raft_message_malformed` (kind invalid), and nothing else. */
export function decodeRaftMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version !== RAFT_MESSAGE_VERSION) throw malformed(`it is of version ${version}`)
  const type = TYPES[reader.choice(TYPES.length, "message type")] as MessageType
  const flags = reader.choice(FLAGS_END, "a flag in")
  const to = reader.number()
  const from = reader.number()
  const term = reader.number()
  const logTerm = reader.number()
  const index = reader.number()
  const commit = reader.number()
  const rejectHint = reader.number()
  const context = reader.number()
  const entries = readMany(reader, ENTRY_HEAD_BYTES, readEntry)
  const snapshot = (flags & SNAPSHOT) === 0 ? undefined : readSnapshot(reader)
  reader.end()
  const [reject, force] = [(flags & REJECT) !== 0, (flags & FORCE) !== 0]
  return { type, to, from, term, logTerm, index, entries, commit, reject, rejectHint, snapshot, context, force }
}

function readMany<T>(reader: ByteReader, itemMinBytes: number, read: (reader: ByteReader) => T): T[] {
  const items: T[] = []
  for (let left = reader.count(itemMinBytes); left > 0; left--) items.push(read(reader))
  return items
}

function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.number(entry.term)
  writer.number(entry.index)
  writer.u8(ENTRY_TYPES.indexOf(entry.type))
  writer.data(entry.data)
}

function readEntry(reader: ByteReader): Entry {
  const term = reader.number()
  const index = reader.number()
  const type = ENTRY_TYPES[reader.choice(ENTRY_TYPES.length, "entry type")] as EntryType
  return { term, index, type, data: reader.data() }
}

function memberLists(conf: ConfState): (readonly NodeId[])[] {
  return [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext]
}

function snapshotLength({ confState, data }: Snapshot): number {
  const lists = memberLists(confState).reduce((sum, list) => sum + 4 + list.length * NUMBER_BYTES, 0)
  return 2 * NUMBER_BYTES + 1 + lists + 4 + data.length
}

function writeSnapshot(writer: ByteWriter, { index, term, confState, data }: Snapshot): void {
  writer.number(index)
  writer.number(term)
  writer.u8(confState.autoLeave ? 1 : 0)
  for (const list of memberLists(confState)) {
    writer.u32(list.length)
    for (const id of list) writer.number(id)
  }
  writer.data(data)
}

function readSnapshot(reader: ByteReader): Snapshot {
  const index = reader.number()
  const term = reader.number()
  const autoLeave = reader.choice(2, "a yes or no of") === 1
  const ids = () => readMany(reader, NUMBER_BYTES, (from) => from.number())
  const confState: ConfState = {
    voters: ids(),
    votersOutgoing: ids(),
    learners: ids(),
    learnersNext: ids(),
    autoLeave,
  }
  return { index, term, confState, data: reader.data() }
}
