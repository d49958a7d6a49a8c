/** How a refusal of the command line must look. */
import { expect } from "bun:test"
import type { Done } from "./machine.ts"

/** One line that says what failed and why, and one that says what to do; with --json, the same as one document. */
export function complaint(plain: Done, json: Done): string {
  const [first = "", second = "", ...more] = plain.stderr.trimEnd().split("\n")
  expect(first).toMatch(/^ovl: \S.*/)
  expect(more).toEqual([])
  const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string; hint: string } }
  expect(`ovl: ${error.message}`).toBe(first)
  expect(second).toBe(error.hint === "" ? "" : `hint: ${error.hint}`)
  if (error.code !== "not_available") expect(error.hint).not.toBe("")
  expect(`${plain.stderr}${plain.stdout}`).not.toMatch(/\n +at |internal|undefined|\[object/)
  expect(json.status).toBe(plain.status)
  // What takes several names says on stdout, too, what was done and what was not.
  expect(plain.stdout.replace(/^\[\]\n$/, "")).toBe("")
  if (json.stdout !== "") JSON.parse(json.stdout)
  return error.code
}
