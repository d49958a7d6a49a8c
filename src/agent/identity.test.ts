import { expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import { loadIdentity } from "./identity.ts"

function refusal(dir: string): string {
  try {
    loadIdentity(dir)
    return "read"
  } catch (error) {
    const { code, kind, message } = asOvlError(error)
    return `${kind} ${code}: ${message}`
  }
}

test("what cannot be a data directory is told in words", () => {
  const why = "cannot use /etc/passwd: it is no directory, or lies in none"
  expect(refusal("/etc/passwd")).toBe(`failed dir_unusable: ${why}`)
})
