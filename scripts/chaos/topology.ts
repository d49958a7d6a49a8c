/**
 * What is tormented: members that keep a store, each a machine of its own, and the entrances by which clients ask it.
 * `ovl-cluster.ts` and `etcd-cluster.ts` make one; the nemesis and the judges know only this.
 */
import type { Place } from "./http.ts"
import type { Dialect } from "./request.ts"

/** A node that serves HTTP. */
export interface Entrance {
  readonly name: string
  readonly place: Place
  /** The name, and which life of its process answers there. */
  readonly source: string
}

/** Which packets are lost: those that come to the victim, those that leave it, or both. */
export type Direction = "in" | "out" | "both"

export interface Member extends Entrance {
  /** On the wire between the members. */
  readonly address: string
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts the process again on its data; does not wait for it to be ready. */
  start(): Promise<void>
  /** SIGSTOP, and SIGCONT. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Loses packets between it and the others, at its own side. */
  cut(others: readonly string[], direction: Direction): Promise<void>
  /** Loses none any more. */
  heal(): Promise<void>
}

export interface Topology {
  readonly dialect: Dialect
  readonly members: readonly Member[]
  readonly entrances: readonly Entrance[]
  /** Who leads, as far as members answer; null where none does. */
  leader(): Promise<Member | null>
  /** Hands the lead to this member. Throws where it does not come to that. */
  transfer(to: Member): Promise<void>
  /** Takes the member out for good and puts a new one, with nothing on its disk, in its place. */
  replace(member: Member): Promise<void>
  /** Resolves when every member takes part and they agree on who leads; throws when that takes too long. */
  settled(): Promise<void>
  /** Everything that this member holds, read from itself alone. */
  dump(member: Member): Promise<string>
  /** What each node's processes said, by name. */
  logs(): Map<string, string>
  close(): Promise<void>
}
