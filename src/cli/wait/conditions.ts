/** What `wait --for` can wait for: each a word or `noun=NAME:state`, and a look at the daemon that says how it is now. */
import { OvlError } from "../../base/errors.ts"
import type { Client } from "../../client/client.ts"
import { nearest, usageError } from "../usage.ts"

/** How it is at this moment. */
export interface Seen {
  met: boolean
  /** What is the case, in words. */
  now: string
  /** Of a workload that has ended. */
  exitCode?: number | null
}

export interface Condition {
  text: string
  look(client: Client): Promise<Seen>
}

type Look = (client: Client, name: string, state: string) => Promise<Seen>

interface Kind {
  /** Empty for those without a name. */
  states: readonly string[]
  /** What stands behind `=`; null for nothing. */
  names: "NAME" | "N" | null
  look: Look
}

const KINDS: Record<string, Kind> = {
  leader: { names: null, states: [], look: leader },
  healthy: { names: null, states: [], look: healthy },
  "in-sync": { names: null, states: [], look: inSync },
  nodes: { names: "N", states: [], look: nodes },
  node: { names: "NAME", states: ["alive", "failed", "left", "gone"], look: node },
  network: { names: "NAME", states: ["present", "gone"], look: network },
  endpoint: { names: "NAME", states: ["up", "present", "gone"], look: endpoint },
  workload: { names: "NAME", states: ["exited", "running", "gone"], look: workload },
}

/** All there are, as help and errors list them. */
export const CONDITIONS: readonly string[] = Object.entries(KINDS).map(([word, { names, states }]) => {
  if (names === null) return word
  return states.length === 0 ? `${word}=${names}` : `${word}=${names}[:${states.join("|")}]`
})

/** Without a state the first one is meant. Errors: condition_unknown, condition_invalid (usage). */
export function parseCondition(text: string): Condition {
  const equals = text.indexOf("=")
  const word = equals < 0 ? text : text.slice(0, equals)
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word]! : null
  if (kind === null) {
    const meant = nearest(word, Object.keys(KINDS))
    const list = `one of ${CONDITIONS.join(", ")}`
    const message = `--for: "${text}" is no condition`
    throw usageError("condition_unknown", message, meant === undefined ? list : `did you mean "${meant}"? ${list}`)
  }
  const [name = "", state, ...more] = equals < 0 ? [] : text.slice(equals + 1).split(":")
  if (
    !isComplete(kind, name, equals >= 0) ||
    more.length > 0 ||
    (state !== undefined && !kind.states.includes(state))
  ) {
    const usage = CONDITIONS.find((each) => each.split("=", 1)[0] === word)!
    throw usageError("condition_invalid", `--for: "${text}" is incomplete or wrong`, `write it as ${usage}`)
  }
  return { text, look: (client) => kind.look(client, name, state ?? kind.states[0] ?? "") }
}

function isComplete({ names }: Kind, name: string, hasValue: boolean): boolean {
  if (names === null) return !hasValue
  return names === "N" ? /^[1-9]\d{0,5}$/.test(name) : name !== ""
}

async function leader(client: Client): Promise<Seen> {
  const { cluster } = await client.status()
  return {
    met: cluster.leader !== null,
    now: cluster.leader === null ? "no leader is known" : `${cluster.leader} leads`,
  }
}

async function healthy(client: Client): Promise<Seen> {
  const { health, problems } = await client.status()
  const why = problems.map(({ message }) => message).join("; ")
  return { met: health === "ok", now: `health is ${health}${health === "ok" || why === "" ? "" : `: ${why}`}` }
}

async function inSync(client: Client): Promise<Seen> {
  const { kernel, node: self } = await client.status()
  return { met: kernel.inSync, now: `the kernel of ${self.name} is ${kernel.inSync ? "" : "not "}in sync` }
}

async function nodes(client: Client, wanted: string): Promise<Seen> {
  const all = await client.nodes()
  const alive = all.filter(({ state }) => state === "alive").length
  return { met: alive >= Number(wanted), now: `${alive} of ${all.length} nodes are alive` }
}

async function node(client: Client, name: string, wanted: string): Promise<Seen> {
  const found = await foundOrNull(client.node(name))
  const state = found?.state ?? "gone"
  return { met: state === wanted, now: found ? `node ${name} is ${state}` : `there is no node ${name}` }
}

async function network(client: Client, name: string, wanted: string): Promise<Seen> {
  const isThere = (await foundOrNull(client.network(name))) !== null
  return { met: isThere === (wanted === "present"), now: `there is ${isThere ? "a" : "no"} network ${name}` }
}

async function endpoint(client: Client, name: string, wanted: string): Promise<Seen> {
  const found = await foundOrNull(client.endpoint(name))
  if (!found) return { met: wanted === "gone", now: `there is no endpoint ${name}` }
  return { met: wanted === "present" || found.state === wanted, now: `endpoint ${name} is ${found.state}` }
}

async function workload(client: Client, name: string, wanted: string): Promise<Seen> {
  const folded = name.toLowerCase()
  const found = (await client.workloads()).find((each) => each.name.toLowerCase() === folded)
  if (!found) return { met: wanted === "gone", now: `there is no workload ${name} on the node that was asked` }
  const { status, exitCode } = found
  if (status === "running") return { met: wanted === status, now: `workload ${name} is running` }
  const how = exitCode === null ? "" : `, exit status ${exitCode}`
  return { met: wanted === status, now: `workload ${name} has ended${how}`, exitCode }
}

async function foundOrNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof OvlError && error.kind === "not_found") return null
    throw error
  }
}
