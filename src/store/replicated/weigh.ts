/**
 * Whether a command touches so few rows that it is applied in one go, in memory; others are carried out by the disk, in
 * slices. Members may judge differently: what a command does, it does either way.
 */
import { DELETE_SLICE_KEYS } from "../../base/limits.ts"
import type { Command } from "../command.ts"
import type { Reader } from "../reader.ts"

export function isBrief(command: Command, reader: Reader): boolean {
  switch (command.type) {
    case "transaction":
      for (const operation of command.operations)
        if (operation.op === "deletePrefix" && !isFew(reader.entries(operation.prefix))) return false
      return true
    case "kv":
      for (const verb of command.verbs)
        if (verb.verb === "delete-tree" && !isFew(reader.entries(verb.key))) return false
      return true
    case "grant":
    case "open":
    case "piece":
    case "discard":
      return true
    case "revoke":
      return fewHeld(reader, [command.lease])
    case "end":
      return fewHeld(reader, [command.session])
    case "expire":
      return fewHeld(
        reader,
        command.holders.map(({ id }) => id),
      )
    case "invalidate":
      return fewHeld(
        reader,
        Array.from(reader.sessions()).flatMap(({ id, node }) => (node === command.node ? [id] : [])),
      )
    case "restore":
      return false
  }
}

/** All that they hold together. */
function fewHeld(reader: Reader, holders: string[]): boolean {
  return isFew(
    (function* () {
      for (const holder of holders) yield* reader.heldBy(holder)
    })(),
  )
}

function isFew(rows: Iterable<unknown>): boolean {
  let count = 0
  for (const _ of rows) if (++count >= DELETE_SLICE_KEYS) return false
  return true
}
