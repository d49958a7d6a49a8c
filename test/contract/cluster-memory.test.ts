/** The cluster's contract, on the store in memory: by the server itself, and by a client over the network in memory. */
import { describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import { systemClock } from "../../src/linux/system.ts"
import { clusterHandler } from "../../src/registry/rpc-handler.ts"
import { remoteCluster } from "../../src/registry/rpc-remote.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import { MemoryNetwork } from "../../src/transport/memory.ts"
import type { PeerIdentity } from "../../src/transport/port.ts"
import { clusterContract } from "./cluster.ts"
import {
  endpointSpec,
  type Harness,
  localHarness,
  PassingClock,
  networkSpec,
  outcome,
  SERVER_ID,
  turn,
} from "./cluster-harness.ts"

const onMemory = () => localHarness(async (clock) => openMemoryStore({ clock }))

interface RemoteHarness extends Harness {
  network: MemoryNetwork
}

/** The client swarm-02 of the same cluster. */
async function remoteHarness(): Promise<RemoteHarness> {
  const server = await onMemory()
  const network = new MemoryNetwork()
  const identity: PeerIdentity = { nodeId: SERVER_ID, name: "swarm-01", role: "server" }
  const client: PeerIdentity = { nodeId: server.otherNode, name: "swarm-02", role: "client" }
  const expect = { clusterId: server.local.record.id, recoveryEpoch: 0 }
  const listener = await network.listen({
    host: "192.168.1.51",
    port: 8300,
    cluster: expect,
    handler: clusterHandler(server.local),
    credentials: { identity, signedBy: "ours", trusts: "ours" },
  })
  const connection = await network.connect({
    address: "192.168.1.51:8300",
    expect,
    credentials: { identity: client, signedBy: "ours", trusts: "ours" },
  })
  const cluster = remoteCluster({ connection: () => connection, clock: systemClock })
  const close = async () => {
    connection.close()
    await listener.close()
    await server.close()
  }
  return { ...server, cluster, network, node: server.otherNode, otherNode: SERVER_ID, close }
}

clusterContract("on a store in memory", onMemory)
clusterContract("by a client over the network in memory", remoteHarness)

describe("what a client may not do", () => {
  test("it speaks for itself alone, whatever it says", async () => {
    const h = await remoteHarness()
    const { cluster, local, otherNode, node } = h
    const { network } = await cluster.createNetwork(networkSpec("red"))
    const { endpoints } = await local.createEndpoints([endpointSpec(network.id, otherNode, "db")])
    const id = endpoints[0]!.id
    const before = h.store.revision
    const refused = (what: string) => `forbidden forbidden: node swarm-02: may not ${what} another node`
    expect(await outcome(cluster.createEndpoints([endpointSpec(network.id, otherNode, "x")]))).toBe(
      refused("create an endpoint on"),
    )
    expect(await outcome(cluster.updateEndpoints([{ id, state: "failed" }]))).toBe(refused("change an endpoint of"))
    expect(await outcome(cluster.removeEndpoints([id]))).toBe(refused("remove an endpoint of"))
    expect(await outcome(cluster.updateNode(otherNode, { version: "9" }))).toBe(refused("change the facts of"))
    expect(await outcome(cluster.heartbeat(otherNode))).toBe(refused("give a sign of life for"))
    const wish = { asker: otherNode, round: "0".repeat(16) }
    expect(await outcome(cluster.probeRound(wish, [node], 10))).toBe(refused("ask for probes of"))
    const report = { ...wish, asker: node, nodeId: otherNode, small: true, full: true }
    expect(await outcome(cluster.reportProbe(report))).toBe(refused("report for"))
    expect(await outcome(cluster.removeNode(otherNode, { leave: true }))).toBe(refused("leave for"))
    expect(h.store.revision).toBe(before)
    await local.removeNode(node, { leave: false })
    expect(await outcome(cluster.info())).toBe("forbidden not_member: node swarm-02: no member of the cluster any more")
    await h.close()
  })

  test("nonsense is refused at the door", async () => {
    const { local, node, close } = await onMemory()
    const handler = clusterHandler(local)
    const peer: PeerIdentity = { nodeId: node, name: "swarm-01", role: "server" }
    const call = (method: string, params: unknown, as: PeerIdentity | null = peer) =>
      outcome(handler.call(method, params, { peer: as }))
    expect(await call("cluster/removeNetwork", { id: 7 })).toMatch(
      /^usage params_invalid: call cluster\/removeNetwork: id: /,
    )
    expect(await call("cluster/createNetwork", { name: "a", extra: 1 })).toMatch(/^usage params_invalid/)
    expect(await call("toString", null)).toBe("not_found method_unknown: call toString: there is no such call")
    expect(await call("cluster/info", null, null)).toMatch(/^forbidden forbidden/)
    expect(await call("join", { token: "x" }, null)).toMatch(/^usage params_invalid/)
    await close()
  })

  test("its stream ends when it is removed, and it learns of its own removal", async () => {
    const h = await remoteHarness()
    const seen: string[] = []
    h.cluster.follow(
      0,
      (batch) => seen.push(...batch.changes.map((c) => `${c.type} ${c.value === null ? "gone" : "set"}`)),
      (error) => seen.push(error.code),
    )
    await turn()
    seen.length = 0
    await h.local.removeNode(h.node, { leave: false })
    await turn()
    expect(seen).toEqual(["node set", "not_member"])
    await h.close()
  })
})

describe("a client without a server", () => {
  test("is told so in time, whatever its provider does", async () => {
    const clock = new PassingClock()
    const never = remoteCluster({ connection: () => new Promise(() => {}), clock })
    const waiting = outcome(never.info())
    await clock.pass(3_000)
    expect(await waiting).toBe("unavailable no_server: the cluster: no server answers: none was reached in time")
    const connection = () => {
      throw new OvlError("peer_refused", "connect: refused", { kind: "unavailable" })
    }
    const failing = remoteCluster({ connection, clock })
    expect(await outcome(failing.info())).toBe(
      "unavailable no_server: the cluster: no server answers: connect: refused",
    )
    const ends: string[] = []
    failing.follow(
      0,
      () => {},
      (error) => ends.push(error.code),
    )
    failing.reportProgrammed("x", 1)
    await turn()
    expect(ends).toEqual(["no_server"])
  })
})
