/** The cluster's contract, third part: servers, from joining to the end of their vote. Replication itself is made up. */
import { expect, test } from "bun:test"
import type { NodeRecord } from "../../src/model/node.ts"
import { raftIdOf } from "../../src/model/node.ts"
import type { RaftView } from "../../src/model/raft.ts"
import { type Harness, joinRequest, outcome, SERVER_ID } from "./cluster-harness.ts"

/** `swarm-01 leader`, `s2 voter failed`, ...: alive is not told. */
function shown({ servers }: RaftView): string[] {
  return servers.map(({ name, role, state }) => `${name} ${role}${state === "failed" ? "" : ` ${state}`}`)
}

async function joinServer({ local }: Harness, name: string, address: string): Promise<NodeRecord> {
  const { token } = await local.createToken({ role: "server" })
  const request = await joinRequest(local, { token, name, address, role: "server", peerPort: 8301 })
  return (await local.join(request)).node
}

/** A server that has joined and votes, as the keeper would have it. */
async function addVoter(h: Harness, name: string, address: string): Promise<NodeRecord> {
  const node = await joinServer(h, name, address)
  await h.local.heartbeat(node.id)
  await h.replication.addLearner(node.id)
  await h.replication.promote(node.id)
  h.replication.hear(node.id, { state: "replicate", lag: 0, lastContactMs: 15, match: 42 })
  return node
}

export function serversContract(harness: () => Harness): void {
  test("a server joins with a token of its role, and waits for its vote", async () => {
    const h = harness()
    const { cluster, local } = h
    await local.heartbeat(SERVER_ID)
    const request = await joinRequest(local, { role: "server", name: "s2", address: "192.168.1.60", peerPort: 8301 })
    expect(await outcome(local.join(request))).toMatch(/^forbidden token_role/)
    const { token } = await cluster.createToken({ role: "server" })
    expect(await outcome(local.join({ ...request, token, peerPort: null }))).toMatch(/^usage request_invalid/)
    const answer = await local.join({ ...request, token })
    expect(answer.node).toMatchObject({
      role: "server",
      voter: false,
      peerAddress: "192.168.1.60:8301",
      state: "member",
    })
    expect(answer.servers).toEqual(["192.168.1.51:8300"])
    expect((await cluster.info()).servers).toEqual(["192.168.1.51:8300", "192.168.1.60:8301"])
    expect([answer.clusterId, answer.recoveryEpoch, answer.kvPrefix]).toEqual([local.record.id, 0, "swarm"])
    expect(raftIdOf(answer.node.id)).toBeGreaterThan(0)
    expect(shown(await cluster.raft())).toEqual(["s2 learner waiting", "swarm-01 leader alive"])
    const again = { ...request, token, address: "192.168.1.61" }
    expect(await outcome(local.join(again))).toBe("conflict name_taken: node s2: the name is taken")
    expect(await outcome(local.join({ ...again, name: "s3", address: "192.168.1.60" }))).toMatch(
      /^conflict address_taken/,
    )
  })

  test("the servers are shown as the leader sees them", async () => {
    const h = harness()
    await h.local.heartbeat(SERVER_ID)
    const second = await addVoter(h, "s2", "192.168.1.60")
    const third = await addVoter(h, "s3", "192.168.1.61")
    h.replication.hear(third.id, { state: "probe", lag: 17, lastContactMs: 9_000, match: 25 })
    const view = await h.cluster.raft()
    expect(shown(view)).toEqual(["s2 voter alive", "s3 voter", "swarm-01 leader alive"])
    expect(view).toMatchObject({ source: "swarm-01", leader: "swarm-01", commit: 40, applied: 40 })
    expect(view.servers[1]).toMatchObject({ match: 25, lag: 17, progress: "probe", lastContactMs: 9_000 })
    h.replication.leader = second.id
    const elsewhere = await h.cluster.raft()
    expect([elsewhere.source, elsewhere.leader, elsewhere.servers.map(({ lag }) => lag)]).toEqual([
      "swarm-01",
      "s2",
      [null, null, null],
    ])
    h.replication.leader = null
    expect((await h.cluster.raft()).leader).toBe(null)
  })

  test("the lead is handed over, and only to one that votes", async () => {
    const h = harness()
    expect(await outcome(h.cluster.transferLeader(null))).toMatch(/^conflict not_a_voter/)
    const client = h.node === SERVER_ID ? h.otherNode : h.node
    expect(await outcome(h.cluster.transferLeader(client))).toMatch(/^conflict not_a_voter/)
    expect(await outcome(h.cluster.transferLeader("f".repeat(64)))).toMatch(/^not_found node_not_found/)
    expect(await h.cluster.transferLeader(SERVER_ID)).toEqual({ leader: SERVER_ID })
    const second = await addVoter(h, "s2", "192.168.1.60")
    expect(await h.cluster.transferLeader(second.id)).toEqual({ leader: second.id })
    expect(await outcome(h.cluster.transferLeader(null))).toMatch(/^unavailable not_leader/)
  })

  test("a dead server is taken out, with its vote, its name and its membership; nobody who is needed is", async () => {
    const h = harness()
    const second = await addVoter(h, "s2", "192.168.1.60")
    const third = await addVoter(h, "s3", "192.168.1.61")
    h.replication.hear(third.id, { lastContactMs: 60_000 })
    const needed = /^conflict quorum_would_be_lost: cannot take s2 out .*: s3 is not heard from$/
    for (const attempt of [h.cluster.removeServer(second.id), h.cluster.removeNode(second.id, { leave: false })])
      expect(await outcome(attempt)).toMatch(needed)
    expect(h.local.isMember(second.id)).toBe(true)
    const client = h.node === SERVER_ID ? h.otherNode : h.node
    expect(await outcome(h.cluster.removeServer(client))).toMatch(/^conflict not_a_server/)
    await h.cluster.removeServer(third.id)
    expect([...h.replication.members.keys()]).toEqual([SERVER_ID, second.id])
    expect(h.local.isMember(third.id)).toBe(false)
    expect((await joinServer(h, "s3", "192.168.1.61")).id).not.toBe(third.id)
    expect(await outcome(h.cluster.removeServer(third.id))).toMatch(/^not_found node_not_found/)
  })

  test("one whose record is gone is taken out by its id", async () => {
    const h = harness()
    await h.replication.addLearner("c".repeat(64))
    await h.cluster.removeServer("c".repeat(64))
    expect([...h.replication.members.keys()]).toEqual([SERVER_ID])
  })

  test("a change of the servers that is under way is waited for", async () => {
    const h = harness()
    const second = await addVoter(h, "s2", "192.168.1.60")
    const { OvlError } = await import("../../src/base/errors.ts")
    h.replication.fail = new OvlError("member_change_busy", "a change of the servers: busy", { kind: "conflict" })
    const removed = outcome(h.cluster.removeServer(second.id))
    for (let n = 0; n < 4; n++) await h.clock.pass(50)
    expect(await removed).toBe("ok")
    expect(h.replication.asked.filter((what) => what.startsWith("remove"))).toHaveLength(2)
  })

  test("the leader that is to go hands over first, and the call goes on at the next one", async () => {
    const h = harness()
    const second = await addVoter(h, "s2", "192.168.1.60")
    expect(await outcome(h.cluster.removeNode(SERVER_ID, { leave: false }))).toMatch(/^unavailable not_leader/)
    expect(h.replication.leader).toBe(second.id)
    expect(h.local.isMember(SERVER_ID)).toBe(true)
  })

  test("going on alone: what it costs is told, then the others are out and the epoch is up", async () => {
    const h = harness()
    const second = await addVoter(h, "s2", "192.168.1.60")
    h.replication.leader = null
    h.replication.lastContactMs = 7_000
    expect(h.local.recoveryPreview()).toEqual({
      node: "swarm-01",
      lastTerm: 1,
      lastIndex: 42,
      commit: 40,
      undecided: 2,
      lastContactMs: 7_000,
      recoveryEpoch: 0,
      removed: ["s2"],
      recovered: false,
    })
    await h.replication.recoverAlone()
    for (let n = 0; n < 2; n++) {
      await h.local.settleRecovery(1)
      expect(h.local.recoveryPreview()).toMatchObject({ recoveryEpoch: 1, removed: [] })
    }
    expect(h.local.isMember(second.id)).toBe(false)
    expect(h.local.isMember(h.node)).toBe(true)
    expect((await joinServer(h, "s2", "192.168.1.60")).name).toBe("s2")
  })
}
