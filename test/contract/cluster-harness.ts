/** What the cluster's contract needs of each implementation: a cluster of two nodes, its store, and a clock to turn. */
import { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Clock } from "../../src/base/clock.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"
import { systemRandom } from "../../src/linux/system.ts"
import type { NetworkSpec } from "../../src/model/network.ts"
import { createClusterIfNew } from "../../src/registry/bootstrap.ts"
import { type LocalCluster, openCluster } from "../../src/registry/cluster-on-store.ts"
import type { Cluster, EndpointSpec, JoinRequest } from "../../src/registry/port.ts"
import { FakeReplication } from "../../src/registry/replication-fake.ts"
import type { Store } from "../../src/store/port.ts"
import { createKeyAndRequest } from "../../src/transport/certificates.ts"

/** Time that passes when the test says so, step by step, with everything that each step sets off. */
export class PassingClock extends ManualClock {
  constructor() {
    super(Date.UTC(2026, 0, 1))
  }

  async pass(ms: number): Promise<void> {
    const end = this.now() + ms
    for (let next = this.next(); next !== null && next <= end; next = this.next()) {
      this.advance(next - this.now())
      await turn()
    }
    this.advance(end - this.now())
    await turn()
  }
}

/** Until everything that is on its way has arrived, over the network in memory too. */
export async function turn(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
}

/** Until it is so: what a disk has to confirm takes its own time, whatever the test's clock says. */
export async function eventually(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 1_000 && !isSo(); n++) await new Promise((resolve) => setTimeout(resolve, 2))
  if (!isSo()) throw new Error(`never came to be: ${isSo}`)
}

export interface Harness {
  /** The port under test. */
  cluster: Cluster
  /** The same cluster as its server has it. */
  local: LocalCluster
  store: Store
  clock: PassingClock
  replication: FakeReplication
  /** Who leads: SERVER_ID unless it is another one. */
  leader?: string
  /** The node that the port speaks for, and the other one. */
  node: string
  otherNode: string
  close(): Promise<void>
}

export const SERVER_ID = "a".repeat(64)

/** A new cluster of the server swarm-01, as its server has it. */
export async function newCluster(
  store: Store,
  clock: Clock,
  replication = new FakeReplication(SERVER_ID),
): Promise<LocalCluster> {
  await createClusterIfNew(store, {
    clock,
    random: systemRandom,
    kvPrefix: "swarm",
    self: {
      id: SERVER_ID,
      name: "swarm-01",
      address: "192.168.1.51",
      peerAddress: "192.168.1.51:8300",
      version: "0.1.0",
      underlayMtu: 1500,
      bootId: "boot-1",
    },
  })
  return openCluster({ store, replication, clock, random: systemRandom, log: silentLog, self: SERVER_ID })
}

export async function joinRequest(local: LocalCluster, changes: Partial<JoinRequest> = {}): Promise<JoinRequest> {
  const { csrPem } = await createKeyAndRequest({ nodeId: "new", name: "new" })
  return {
    token: (await local.createToken({})).token,
    csrPem,
    name: "swarm-02",
    address: "192.168.1.52",
    role: "client",
    version: "0.1.0",
    underlayMtu: 1500,
    bootId: "boot-2",
    ...changes,
  }
}

/** The server's own port: the cluster on a store. */
export async function localHarness(openStore: (clock: Clock) => Promise<Store>): Promise<Harness> {
  const clock = new PassingClock()
  const store = await openStore(clock)
  const replication = new FakeReplication(SERVER_ID)
  const local = await newCluster(store, clock, replication)
  const { node } = await local.join(await joinRequest(local))
  const close = async () => {
    local.close()
    await store.close()
  }
  return { cluster: local, local, store, clock, replication, node: SERVER_ID, otherNode: node.id, close }
}

/** An endpoint as a node asks for it, with all that does not matter filled in. */
export function endpointSpec(
  networkId: string,
  nodeId: string,
  workload: string,
  changes: Partial<EndpointSpec> = {},
): EndpointSpec {
  return {
    networkId,
    nodeId,
    workload,
    name: workload,
    ip: null,
    mac: null,
    ifname: "eth0",
    netns: null,
    netnsId: null,
    origin: "run",
    egress: null,
    ...changes,
  }
}

export function networkSpec(name: string, subnet = "10.65.10.0/24", changes: Partial<NetworkSpec> = {}): NetworkSpec {
  return { name, subnets: [{ subnet }], ...changes }
}

/** What came of an attempt, as a person would read it: `ok`, or kind and code and message. */
export async function outcome(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
    return "ok"
  } catch (error) {
    if (!(error instanceof OvlError)) throw error
    return `${error.kind} ${error.code}: ${error.message}`
  }
}
