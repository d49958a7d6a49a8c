/** What the daemon must know of its host besides the network: its name and which boot this is. */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { OvlError } from "../base/errors.ts"
import { NAME_PATTERN } from "../model/names.ts"

/** The running kernel's boot: what was made in the kernel before another one is gone. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
}

/** The name of a node that was given none: the host's, without its domain. Throws `name_invalid`. */
export function defaultNodeName(): string {
  const name = hostname().split(".")[0] ?? ""
  if (NAME_PATTERN.test(name)) return name
  throw new OvlError("name_invalid", `cannot name this node: the host's name ${JSON.stringify(name)} is no node name`, {
    kind: "usage",
    hint: "give one with --name",
  })
}
