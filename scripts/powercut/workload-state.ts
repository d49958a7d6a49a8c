/**
 * What one client of the load has in the store, as text: one line for each of its keys and sessions, in their order. The
 * load keeps it in memory as it should be, the checker reads it out of a store; equal texts are equal states.
 */
import { KV_PREFIX } from "../../src/registry/keys.ts"
import type { Entry, Session } from "../../src/store/port.ts"
import type { Reader } from "../../src/store/reader.ts"

export const LOAD_PREFIX = "powercut/"

export interface KeyState {
  value: Uint8Array
  flags: number
  session: string | null
}

export class ClientState {
  /** By Consul's key. */
  readonly keys = new Map<string, KeyState>()
  readonly sessions = new Set<string>()

  text(): string {
    const keys = [...this.keys].map(([key, state]) => keyLine(key, state.value, state.flags, state.session))
    return [...keys, ...[...this.sessions].map(sessionLine)].sort().join("\n")
  }
}

/** Clients are told apart by the first part of a key, and by the name of a session. */
export function clientFolder(client: number): string {
  return `${LOAD_PREFIX}${client}/`
}

export function sessionName(client: number): string {
  return `powercut ${client}`
}

/** The clients' states as a store has them, by client. */
export function clientTexts(reader: Pick<Reader, "entries" | "sessions">): Record<number, string> {
  const lines = new Map<number, string[]>()
  const add = (client: number, line: string): void => {
    const held = lines.get(client)
    if (held === undefined) lines.set(client, [line])
    else held.push(line)
  }
  for (const entry of reader.entries(KV_PREFIX + LOAD_PREFIX)) add(clientOf(entry), entryLine(entry))
  for (const session of reader.sessions()) {
    const client = /^powercut (\d+)$/.exec(session.name)?.[1]
    if (client !== undefined) add(Number(client), sessionLine(session.id))
  }
  return Object.fromEntries([...lines].map(([client, texts]) => [client, texts.sort().join("\n")]))
}

function clientOf({ key }: Entry): number {
  return Number(key.slice((KV_PREFIX + LOAD_PREFIX).length).split("/")[0])
}

function entryLine({ key, value, flags, lease }: Entry): string {
  return keyLine(key.slice(KV_PREFIX.length), value, Number(flags), lease)
}

function keyLine(key: string, value: Uint8Array, flags: number, session: string | null): string {
  return `${key} ${value.length} bytes ${Bun.hash(value).toString(16)} flags ${flags} ${session ?? "free"}`
}

function sessionLine(id: Session["id"]): string {
  return `session ${id}`
}
