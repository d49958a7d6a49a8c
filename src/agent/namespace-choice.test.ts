import { expect, test } from "bun:test"
import { LinuxKernel } from "../kernel/linux.ts"
import type { AttachSpec } from "../model/endpoint.ts"
import { chooseIfname, nextIfname, resolveNamespace as resolve } from "./namespace-choice.ts"

test("the next free ethN", () => {
  expect(nextIfname(["lo"])).toBe("eth0")
  expect(nextIfname(["lo", "eth0", "eth2"])).toBe("eth1")
})

test("an interface name is what the kernel takes, and free", () => {
  expect(chooseIfname("web0", ["lo"])).toBe("web0")
  for (const bad of ["", "sixteen-chars-xx", "a/b", "a b", "a:b", "."])
    expect(() => chooseIfname(bad, [])).toThrow("malformed")
  expect(() => chooseIfname("eth0", ["eth0"])).toThrow("has an interface of that name")
})

const kernel = new LinuxKernel({ stateFile: "/nonexistent/kernel.json" })
const resolveNamespace = (spec: AttachSpec) => resolve(spec, kernel)

test("a namespace is named by path or by pid, and is there", () => {
  expect(() => resolveNamespace({ network: "red" })).toThrow("by one of them")
  expect(() => resolveNamespace({ network: "red", netns: "/x", pid: 1 })).toThrow("by one of them")
  expect(() => resolveNamespace({ network: "red", netns: "no-such-name" })).toThrow(
    "no namespace /run/netns/no-such-name",
  )
  expect(() => resolveNamespace({ network: "red", pid: 4_194_304 })).toThrow("no process 4194304")
  expect(() => resolveNamespace({ network: "red", netns: "/etc/hostname" })).toThrow("not a network namespace")
})

test("the host's own namespace is refused", () => {
  expect(() => resolveNamespace({ network: "red", pid: process.pid })).toThrow("the host's own network namespace")
})
