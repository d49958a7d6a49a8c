/**
 * The names of what there is now, for completion: asked of the daemon, or read off this machine. Whatever keeps them from
 * being known (no daemon, no right, no answer in time) means that there are none to offer; nobody is told of it.
 */
import { COMPLETION_NAMES_MAX, COMPLETION_WAIT_MS } from "../../base/limits.ts"
import type { Client } from "../../client/client.ts"
import type { Held } from "../command.ts"
import { beginningWith, type Candidate } from "./candidate.ts"

export interface LiveSources {
  client(): Promise<Client>
  sleep(ms: number): Promise<void>
  labs(): Promise<{ name: string; hosts: readonly string[] }[]>
}

/** The things of which there are names, with what they are; `typed` is what stands there already. */
type Lister = (sources: LiveSources, typed: string) => Promise<Candidate[]>

const LISTERS: Partial<Record<Held, Lister>> = {
  network: async ({ client }) =>
    (await (await client()).networks()).map(({ name, subnets }) => ({
      word: name,
      description: subnets.map(({ subnet }) => subnet).join(", "),
    })),
  workload: async ({ client }) =>
    (await (await client()).workloads()).map(({ name, status, networks }) => ({
      word: name,
      description: `${status}, on ${networks.join(", ")}`,
    })),
  endpoint: async ({ client }) =>
    (await (await client()).endpoints()).map(({ name, network, node, ip }) => ({
      word: name,
      description: `${ip.split("/")[0]} on ${network}, ${node}`,
    })),
  node: async ({ client }) =>
    (await (await client()).nodes()).map(({ name, address, role, state }) => ({
      word: name,
      description: `${role} at ${address}, ${state}`,
    })),
  token: async ({ client }) =>
    (await (await client()).tokens()).map(({ id, role, expires }) => ({
      word: id,
      description: `${role}, until ${expires}`,
    })),
  // Level by level, as paths are.
  key: async ({ client }, typed) =>
    (await (await client()).kv.keys(typed, { separator: "/", limit: COMPLETION_NAMES_MAX })).map((word) => ({
      word,
      description: "",
    })),
  lab: async ({ labs }) => (await labs()).map(({ name }) => ({ word: name, description: "a lab that is up" })),
  host: async ({ labs }) => {
    const hosts = (await labs()).flatMap(({ name, hosts }) =>
      hosts.map((host) => [host, `host of lab ${name}`] as const),
    )
    return [...new Map(hosts)].map(([word, description]) => ({ word, description }))
  },
  code: async () => {
    const { CODE_SUBJECTS } = await import("../../base/codes/codes.ts")
    return CODE_SUBJECTS.flatMap(({ codes }) =>
      Object.entries(codes).map(([word, { means }]) => ({ word, description: means })),
    )
  },
}

/**
 * Those that begin with what was typed, at most COMPLETION_NAMES_MAX of them, after COMPLETION_WAIT_MS at the latest; none
 * where nothing can be known. Never rejects.
 */
export async function liveNames(held: Held, typed: string, sources: LiveSources): Promise<Candidate[]> {
  const lister = LISTERS[held]
  if (!lister) return []
  const late = sources.sleep(COMPLETION_WAIT_MS).then((): Candidate[] => [])
  const names = lister(sources, typed).catch((): Candidate[] => [])
  return beginningWith(typed, await Promise.race([names, late])).slice(0, COMPLETION_NAMES_MAX)
}
