/** Carries out a plan of faults on a cluster, and puts everything right after each: as far as a cluster can be from outside. */
import { REQUEST_TIMEOUT_MS } from "./clients.ts"
import { HttpConnection } from "./http.ts"
import { type Fault, type Round, roundText, type Target } from "./plan.ts"
import type { Member, Topology } from "./topology.ts"

const EVERYBODY = "0.0.0.0/0"
/** More than a server keeps of its log (RAFT_LOG_MAX_BYTES), in values of nearly the greatest size. */
const FLOOD_BYTES = 72_000_000
const FLOOD_VALUE_BYTES = 500_000
const FLOOD_KEYS = 4
const FLOOD_TIMEOUT_MS = 30_000
const FLOOD_PAUSE_MS = 100

export interface NemesisOptions {
  topology: Topology
  rounds: readonly Round[]
  say: (line: string) => void
}

export interface NemesisCounts {
  rounds: number
  /** Of those faults that can fail: they did, since the cluster could not do them then. */
  refused: number
  leaderChanges: number
}

/** Runs the whole plan. Every member is running, heard and hearing when it resolves. */
export async function runNemesis(options: NemesisOptions): Promise<NemesisCounts> {
  const { topology, rounds, say } = options
  const counts: NemesisCounts = { rounds: 0, refused: 0, leaderChanges: 0 }
  let leader = await topology.leader()
  for (const [number, round] of rounds.entries()) {
    const now = await topology.leader()
    if (now !== null && now !== leader) counts.leaderChanges++
    leader = now ?? leader
    say(`${number + 1} of ${rounds.length}: ${roundText(round)} (${now?.name ?? "nobody"} leads)`)
    const done = await Promise.allSettled(round.faults.map((fault) => inflict(topology, fault, round.holdMs, now)))
    for (const one of done) {
      if (one.status === "fulfilled") continue
      counts.refused++
      say(`  not done: ${(one.reason as Error).message}`)
    }
    counts.rounds++
    await Bun.sleep(round.restMs)
  }
  return counts
}

/** Does it, waits, and undoes it, in any case. */
async function inflict(topology: Topology, fault: Fault, holdMs: number, leader: Member | null): Promise<void> {
  const { members } = topology
  const resolve = (target: Target): Member =>
    target === "leader" ? (leader ?? members[0]!) : members[target % members.length]!
  const during = async (
    victims: Iterable<Member>,
    begin: (one: Member) => Promise<void>,
    end: (one: Member) => Promise<void>,
  ) => {
    const all = [...new Set(victims)]
    try {
      await Promise.all(all.map(begin))
      await Bun.sleep(holdMs)
    } finally {
      await Promise.all(all.map(end))
    }
  }
  const heal = (one: Member) => one.heal()
  const addresses = (some: readonly Member[]) => some.map((one) => one.address)
  switch (fault.kind) {
    case "kill":
    case "kill-all": {
      const victims = fault.kind === "kill" ? fault.targets.map(resolve) : members
      return during(
        victims,
        (one) => one.kill(),
        (one) => one.start(),
      )
    }
    case "pause":
      return during(
        fault.targets.map(resolve),
        (one) => one.pause(),
        (one) => one.resume(),
      )
    case "cut": {
      const victim = resolve(fault.target)
      const others = members.filter((one) => one !== victim).slice(0, fault.others)
      return during([victim], (one) => one.cut(addresses(others), fault.direction), heal)
    }
    case "isolate":
      return during([resolve(fault.target)], (one) => one.cut([EVERYBODY], fault.direction), heal)
    case "split": {
      const ordered = fault.order.map(resolve)
      const [some, rest] = [ordered.slice(0, fault.size), ordered.slice(fault.size)]
      return during(some, (one) => one.cut(addresses(rest), "both"), heal)
    }
    case "transfer":
      await topology.transfer(resolve(fault.target))
      return Bun.sleep(holdMs)
    case "replace":
      return topology.replace(resolve(fault.target))
    case "flood": {
      const victim = resolve(fault.target)
      const flood = () => writeFlood(topology, victim)
      await victim.kill()
      return flood().finally(() => victim.start())
    }
  }
}

/** By a member that lives; throws where it did not come to as much as was wanted. */
async function writeFlood({ dialect, members }: Topology, dead: Member): Promise<void> {
  const ways = members.filter((member) => member !== dead).map((member) => new HttpConnection(member.place))
  const end = performance.now() + FLOOD_TIMEOUT_MS
  let written = 0
  for (let number = 0; written < FLOOD_BYTES && performance.now() < end; number++) {
    const value = String(number).padStart(FLOOD_VALUE_BYTES, "flood ")
    const call = { op: "put", key: `flood/${number % FLOOD_KEYS}`, value } as const
    const request = { call, form: "plain", consistency: "default" } as const
    const way = ways[number % ways.length]!
    const answer = await way.request(dialect.encode(request), REQUEST_TIMEOUT_MS).catch(() => null)
    if (answer !== null && dialect.decode(request, answer).type === "ok") written += FLOOD_VALUE_BYTES
    else await Bun.sleep(FLOOD_PAUSE_MS)
  }
  for (const way of ways) way.close()
  if (written < FLOOD_BYTES) throw new Error(`only ${written} of ${FLOOD_BYTES} bytes were written in time`)
}
