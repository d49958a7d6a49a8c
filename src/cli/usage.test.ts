import { expect, test } from "bun:test"
import { nearest } from "./usage.ts"

const WORDS = ["network", "node", "serve", "status", "stop", "token", "run", "rm"]

test("what was meant", () => {
  const meant = (word: string) => nearest(word, WORDS)
  expect(meant("netwrk")).toBe("network")
  expect(meant("netwokr")).toBe("network")
  expect(meant("stauts")).toBe("status")
  expect(meant("sevre")).toBe("serve")
  expect(meant("net")).toBe("network")
  expect(meant("rn")).toBe("run")
})

test("nothing is better than a wild guess", () => {
  for (const word of ["frobnicate", "x", "zz", "kubernetes"]) expect(nearest(word, WORDS)).toBeUndefined()
})
