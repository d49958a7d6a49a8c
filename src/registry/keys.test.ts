import { expect, test } from "bun:test"
import { checkKvPrefix, idOf, isProtectedKey, protectedPrefix, recordKey } from "./keys.ts"

test("what ovl alone writes in the KV is told from what anybody may", () => {
  expect(protectedPrefix("swarm")).toBe("swarm/docker/network/")
  const isProtected = (key: string) => isProtectedKey("swarm", key)
  expect(["swarm/docker/network/", "swarm/docker/network/v1.0/x"].every(isProtected)).toBe(true)
  expect(["swarm/docker/network", "swarm/docker/", "swarm", "", "ovl/docker/network/x"].some(isProtected)).toBe(false)
  expect(recordKey("swarm", "ab")).toBe("kv/swarm/docker/network/v1.0/overlay/network/ab/")
})

test("a KV prefix has no empty part and no character that would have to be escaped", () => {
  expect(["ovl", "lab/one", "a.b-c_d"].map(checkKvPrefix)).toEqual(["ovl", "lab/one", "a.b-c_d"])
  for (const bad of ["", "/", "a/", "/a", "a//b", "a b", "ä", "x".repeat(256)]) {
    expect(() => checkKvPrefix(bad)).toThrow("malformed")
  }
})

test("an id is what follows the prefix of its key", () => {
  expect(idOf("ovl/nodes/ab", "ovl/nodes/")).toBe("ab")
})
