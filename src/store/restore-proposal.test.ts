import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { systemClock } from "../linux/system.ts"
import type { Applied } from "./applied.ts"
import type { Sized } from "./command.ts"
import { Machine } from "./kv.ts"
import { memoryBackend } from "./memory-backend.ts"
import { proposeRestore } from "./restore-proposal.ts"
import { receiveSnapshot } from "./snapshot-import.ts"
import { exportChunks } from "./snapshot-export.ts"
import { memoryTables } from "./tables.ts"
import { Views } from "./views.ts"

const scope = { areas: ["a/"] }

/** A restore of three pieces into an empty state; `meddle` may answer for the machine, by the number of the proposal. */
async function restore(meddle: (count: number, machine: Machine) => OvlError | undefined) {
  const source = memoryTables()
  const from = new Machine(source)
  for (let i = 0; i < 6; i++) {
    const put = { op: "put" as const, key: `a/${i}`, value: new Uint8Array(200_000).fill(i) }
    from.apply({ type: "transaction", at: 1, compare: [], operations: [put] })
  }
  from.finish()
  const scratch = memoryBackend().scratch()
  const keeper = { tables: source, keep: () => ({ tables: source, release: () => {} }) }
  const view = new Views(keeper, systemClock).open(6)
  const info = await receiveSnapshot(exportChunks(view, scope, 1), scope, scratch)
  const tables = memoryTables()
  const machine = new Machine(tables)
  const proposed: string[] = []
  const propose = async ({ command }: Sized): Promise<Applied> => {
    proposed.push(command.type)
    const error = meddle(proposed.length, machine)
    if (error) throw error
    return machine.apply(command)
  }
  const outcome = await proposeRestore({ scratch, info, scope, now: () => 2, propose, proposeEnd: propose }).then(
    () => "ok",
    (thrown) => (thrown instanceof OvlError ? thrown.code : String(thrown)),
  )
  const values = Array.from(machine.entries("a/"), ({ key, value }) => `${key} ${value.length} ${value[199_999]}`)
  return { outcome, proposed: proposed.join(" "), values, left: tables.scratch.page("", null, 9).length }
}

test("a snapshot goes in pieces, and is what it was", async () => {
  expect(await restore(() => undefined)).toEqual({
    outcome: "ok",
    proposed: "piece piece piece restore",
    values: [0, 1, 2, 3, 4, 5].map((i) => `a/${i} 200000 ${i}`),
    left: 0,
  })
})

test("where a piece is refused, those before it are dropped", async () => {
  const refused = new OvlError("store_full", "no", {})
  const nothing = { outcome: "store_full", values: [], left: 0 }
  expect(await restore((count) => (count === 3 ? refused : undefined))).toEqual({
    ...nothing,
    proposed: "piece piece piece discard",
  })
  expect(await restore(() => refused)).toEqual({ ...nothing, proposed: "piece" })
})

test("another restore that begins in between wins", async () => {
  const meddle = (count: number, machine: Machine): undefined => {
    if (count === 4) machine.apply({ type: "piece", at: 3, id: "other", offset: 0, bytes: Uint8Array.of(1) })
  }
  expect(await restore(meddle)).toEqual({
    outcome: "store_busy",
    proposed: "piece piece piece restore discard",
    values: [],
    left: 2,
  })
})
