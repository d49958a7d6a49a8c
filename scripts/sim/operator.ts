/**
 * Whoever runs the cluster: adds servers, gives them a vote, takes members out, replaces those whose disk is gone, hands
 * the lead over. It never takes away so many disks that a majority of some configuration in use would be lost.
 */
import { decodeConfChange, isConfChange, type SingleChange } from "../../src/raft/confchange/change.ts"
import type { ConfState, Entry, NodeId } from "../../src/raft/types.ts"
import { memberChange } from "../../src/store/replicated/member-changes.ts"
import type { SimServer } from "./server.ts"
import { nodeIdOf, type World } from "./world.ts"

const SERVERS_MAX = 7
const VOTERS_MAX = 5

export class Operator {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** One change of the members, proposed to whoever leads. */
  change(): void {
    const { world } = this
    const { chance, oracle } = world
    const leader = world.servers.find((server) => server.isLeader && !server.paused)
    if (leader === undefined) return
    const { voters, learners } = oracle.decided.configurations.last
    const gone = [...voters, ...learners].filter((id) => world.server(id) === undefined)
    const lot = chance.below(10)
    if (gone.length > 0 && lot < 5) return this.remove(leader, chance.pick(gone))
    const ready = [...learners].filter((id) => world.server(id) !== undefined)
    if (ready.length > 0 && lot < 7) return this.propose(leader, "addNode", chance.pick(ready))
    const small = voters.size + learners.size < VOTERS_MAX && world.servers.length < SERVERS_MAX
    if (small && lot < 9) return this.propose(leader, "addLearnerNode", world.spare().id)
    if (voters.size + learners.size > 1) this.remove(leader, chance.pick([...voters, ...learners]))
  }

  /** As the leader's keeper of members does: nobody is taken out if those who stay and live were no majority. */
  private remove(leader: SimServer, node: NodeId): void {
    const { servers, oracle, tally } = this.world
    const voters = [...oracle.decided.configurations.last.voters].filter((id) => id !== node)
    const alive = voters.filter((id) => servers.some((server) => server.id === id))
    if (2 * alive.length > voters.length) this.propose(leader, "removeNode", node)
    else tally.add("change of the members refused")
  }

  private propose(leader: SimServer, type: SingleChange["type"], node: NodeId): void {
    const { world } = this
    leader.do(`is asked to ${type}`, node, (driver) => {
      const change = memberChange(type, node, nodeIdOf(node))
      const refused = driver.whyNotChange(change) !== undefined || driver.proposeChange(change, () => {}) !== null
      if (refused) world.tally.add("change of the members refused")
    })
  }

  transfer(): void {
    const { chance, servers, oracle, tally } = this.world
    const leader = servers.find((server) => server.isLeader && !server.paused)
    const to = chance.pick([...oracle.decided.configurations.last.voters])
    if (leader === undefined || leader.id === to) return
    leader.do("is asked to hand over to", to, (driver) => driver.transfer(to))
    this.world.agenda.after(1_000, () => {
      if (this.world.server(to)?.isLeader) tally.add("lead handed over")
    })
  }

  /** A disk is lost: its server never comes back; one with a new id may take its place. */
  wipe(): void {
    const { world } = this
    const victim = world.chance.pick(world.servers)
    if (!this.survives(victim.id)) return
    world.tally.add("disk wiped, server replaced")
    world.destroy(victim, "its disk is gone")
  }

  /** Servers that were taken out, and that nobody needs any more, are switched off. */
  retire(): void {
    const { world } = this
    for (const server of [...world.servers]) {
      if (!world.oracle.decided.configurations.removed.has(server.id)) continue
      if (this.configurations().some(({ voters }) => voters.includes(server.id))) continue
      world.destroy(server, "is switched off")
    }
  }

  /** Whether every configuration that anybody may act by keeps a majority of disks without this one. */
  private survives(victim: NodeId): boolean {
    const left = new Set(this.world.servers.map(({ id }) => id))
    left.delete(victim)
    return this.configurations().every(({ voters }) => {
      return voters.length === 0 || 2 * voters.filter((id) => left.has(id)).length > voters.length
    })
  }

  /** Those in force somewhere, and those that entries in some log would lead to. */
  private configurations(): { voters: readonly NodeId[] }[] {
    const { decided } = this.world.oracle
    return [
      { voters: [...decided.configurations.last.voters] },
      ...this.world.servers
        .filter((server) => !decided.configurations.removed.has(server.id))
        .flatMap(({ disk, raft }) => {
          const log = [
            ...disk.log.filter(({ index }) => index > disk.applied.index),
            ...(raft?.log.unstable.entries ?? []),
          ]
          return [disk.confState, ...pending(disk.confState, log)]
        }),
    ]
  }
}

function pending(before: ConfState, log: readonly Entry[]): { voters: NodeId[] }[] {
  let voters = [...before.voters]
  return log.filter(isConfChange).map((entry) => {
    for (const { type, node } of decodeConfChange(entry.data)?.changes ?? []) {
      voters = voters.filter((id) => id !== node)
      if (type === "addNode") voters.push(node)
    }
    return { voters }
  })
}
