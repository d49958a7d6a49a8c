/** Entries of the store as people and scripts see them. Base64 stands for bytes wherever the form is text. */
import type { KvEntry } from "../../client/kv.ts"
import { exactNumber } from "../../client/kv-json.ts"
import { facts, visible } from "../render/text.ts"

export function base64(value: Uint8Array): string {
  return Buffer.from(value).toString("base64")
}

/** The document of one entry. The first three fields are those of `kv export`. */
export function entryDocument(entry: KvEntry): object {
  return {
    key: entry.key,
    flags: exactNumber(entry.flags),
    value: base64(entry.value),
    createIndex: entry.createIndex,
    modifyIndex: entry.modifyIndex,
    lockIndex: entry.lockIndex,
    session: entry.session,
  }
}

/** The value as one line of text. */
export function valueLine(value: Uint8Array): string {
  return visible(new TextDecoder().decode(value))
}

/** All that is known of an entry, one fact a line; the value last. */
export function entryFacts(entry: KvEntry, asBase64: boolean): string {
  return facts([
    ["CreateIndex", String(entry.createIndex)],
    ["Flags", String(entry.flags)],
    ["Key", visible(entry.key)],
    ["LockIndex", String(entry.lockIndex)],
    ["ModifyIndex", String(entry.modifyIndex)],
    ["Session", entry.session ?? "-"],
    ["Value", asBase64 ? base64(entry.value) : valueLine(entry.value)],
  ])
}
