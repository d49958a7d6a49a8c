/**
 * A node's data plane that dies on purpose: one step of its life, killed after a given number of operations on the
 * kernel. It counts by wrapping the netlink socket and what else changes the kernel, which the program itself knows
 * nothing of. A program of its own, as only a process can be killed.
 */
import { silentLog } from "../../src/base/log.ts"
import { DataPlane } from "../../src/agent/dataplane.ts"
import { Application } from "../../src/kernel/apply.ts"
import { LinuxKernel } from "../../src/kernel/linux.ts"
import { systemClock } from "../../src/linux/system.ts"
import type { Catalog, Change } from "../../src/model/catalog.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { Batch } from "../../src/netlink/batch.ts"
import type { MessageWriter } from "../../src/netlink/message.ts"
import { NetlinkSocket } from "../../src/netlink/socket.ts"
import {
  catalogOf,
  endpointRecord,
  GREEN,
  NODE_1,
  NODE_2,
  networkRecord,
  nodeRecord,
  RED,
} from "../../src/overlay/fixture.ts"

export interface Life {
  /** What is in the catalog when it starts, of `LOCAL`. */
  endpoints: number[]
  /** What then happens to it; a start only, where there is neither. */
  attach?: number[]
  detach?: number[]
  /** After so many operations of this last step it dies; null: never. */
  dieAfter: number | null
}

const EGRESS = (n: number) => ({ ifname: "eth1", ip: `172.18.0.${n}/16`, gateway: "172.18.0.1" })
/** Two workloads on red, the second on green too. */
const LOCAL: EndpointRecord[] = [
  endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS(2) }),
  endpointRecord(2, RED, NODE_1, "10.65.10.3/24", { egress: EGRESS(3) }),
  endpointRecord(3, GREEN, NODE_1, "10.65.10.3/24", { netns: "/run/netns/w2", ifname: "eth2" }),
]
const REMOTE = [endpointRecord(8, RED, NODE_2, "10.65.10.8/24"), endpointRecord(9, GREEN, NODE_2, "10.65.10.9/24")]

function catalogWith(indexes: readonly number[]): Catalog {
  return catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256), networkRecord(GREEN, 257)],
    endpoints: [...indexes.map((index) => LOCAL[index]!), ...REMOTE],
  })
}

/** Operations so far; counted only when it is to die. */
let left = Number.POSITIVE_INFINITY
let done = 0

function count(): void {
  done++
  if (--left <= 0) process.kill(process.pid, "SIGKILL")
}

/** include/uapi/linux/rtnetlink.h, netlink.h */
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const NLM_F_CREATE = 0x400

/**
 * A batch is cut off behind the operation after which it is to die. That is harder than life, where the kernel takes
 * what came in one send as a whole. What can only be seen in one piece stays in one: a link and its mark, a group of
 * links and its deletion.
 */
const transact = NetlinkSocket.prototype.transact
NetlinkSocket.prototype.transact = function (writer: MessageWriter) {
  const ends = operationsIn(writer)
  const messages = Math.min(ends.length, left)
  const end = ends[messages - 1] ?? 0
  const failures = transact.call(this, { bytes: writer.bytes, position: end } as MessageWriter)
  for (let i = 0; i < messages; i++) count()
  return failures
}

/** What is sent to several namespaces at once can be through in any of them: here in one after the other. */
Batch.sendTogether = (batches) => batches.map((batch) => batch.send().failures)

/** Where in a batch each operation ends. */
function operationsIn({ bytes, position }: Pick<MessageWriter, "bytes" | "position">): number[] {
  const view = new DataView(bytes.buffer)
  const ends: number[] = []
  let last = 0
  for (let at = 0; at < position; ) {
    last = view.getUint16(at + 4, true)
    const completes = last === RTM_NEWLINK && (view.getUint16(at + 6, true) & NLM_F_CREATE) === 0
    at += (view.getUint32(at, true) + 3) & ~3
    if (completes && ends.length > 0) ends[ends.length - 1] = at
    else ends.push(at)
  }
  return last === RTM_DELLINK ? [position] : ends
}

const single = Application.prototype as unknown as { runSingle: (operation: unknown) => void }
const { runSingle } = single
single.runSingle = function (operation) {
  runSingle.call(this, operation)
  count()
}
const { applyFirewall } = LinuxKernel.prototype
LinuxKernel.prototype.applyFirewall = function (state) {
  const wrote = applyFirewall.call(this, state)
  if (wrote) count()
  return wrote
}

function live({ endpoints, attach, detach, dieAfter }: Life): void {
  const kernel = new LinuxKernel({ stateFile: "/run/ovl/kernel.json" })
  const catalog = catalogWith(endpoints)
  const options = { kernel, catalog, nodeId: NODE_1, clock: systemClock, log: silentLog }
  const nothing = () => {}
  const dataplane = new DataPlane({
    ...options,
    onRepair: nothing,
    onReconciled: nothing,
    onRenamed: nothing,
    onAttached: nothing,
  })
  const arm = () => {
    done = 0
    left = dieAfter ?? Number.POSITIVE_INFINITY
  }
  if (!attach && !detach) arm()
  dataplane.reconcile()
  if (attach) {
    const wanted = attach.map((index) => LOCAL[index]!)
    dataplane.presence.expect(wanted)
    arm()
    change(wanted.map((value) => ({ type: "endpoint", id: value.id, value })))
    dataplane.attach(wanted)
  }
  if (detach) {
    arm()
    change(detach.map((index) => ({ type: "endpoint", id: LOCAL[index]!.id, value: null })))
  }
  const { inSync, problems } = dataplane.health()
  process.stdout.write(JSON.stringify({ done, inSync, problems }))
  process.exit(0)

  function change(changes: Change[]): void {
    const batch = { revision: catalog.revision + 1, snapshot: false, changes }
    catalog.apply(batch)
    dataplane.follow(batch)
  }
}

if (import.meta.main) live(JSON.parse(process.argv[2] ?? "") as Life)
