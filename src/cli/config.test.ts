import { expect, test } from "bun:test"
import { loadConfiguration, parseConfiguration } from "./config.ts"
import { DEFAULT_CONFIG } from "./globals.ts"
import { configKeys } from "./registry.ts"

async function parsed(text: string): Promise<string> {
  try {
    const found = await parseConfiguration("c.yaml", text, configKeys())
    return [...found].map(([key, { texts }]) => `${key} = ${texts.join(" | ")}`).join("\n")
  } catch (error) {
    return `error: ${(error as Error).message}`
  }
}

test("the node's keys stand at the top, a verb's below its name", async () => {
  expect(
    await parsed(`
data-dir: /srv/ovl
http: off
name: 007
network:
  create:
    mtu: 1400
    internal: true
    subnet: [10.1.0.0/24, 10.2.0.0/24]
    label:
      team: red
run:
  env:
    - A=1
    - B=2
`),
  ).toBe(
    [
      "data-dir = /srv/ovl",
      "http = off",
      "name = 007",
      "network.create.mtu = 1400",
      "network.create.internal = true",
      "network.create.subnet = 10.1.0.0/24 | 10.2.0.0/24",
      "network.create.label = team=red",
      "run.env = A=1 | B=2",
    ].join("\n"),
  )
})

test("nothing in it is nothing said", async () => {
  expect(await parsed("")).toBe("")
  expect(await parsed("# only a comment\n")).toBe("")
  expect(await parsed("data-dir:\nnetwork:\n")).toBe("")
})

test("an unknown key is told with its line", async () => {
  expect(await parsed("http: off\ndata-dri: /x\n")).toBe('error: cannot use c.yaml:2: unknown key "data-dri"')
  expect(await parsed("network:\n  create:\n    mut: 9\n")).toBe(
    'error: cannot use c.yaml:3: unknown key "network.create.mut"',
  )
  expect(await parsed("help: true\n")).toBe('error: cannot use c.yaml:1: unknown key "help"')
})

test("a value of the wrong type is told with its line", async () => {
  expect(await parsed("\njson: 1\n")).toBe('error: cannot use c.yaml:2: json wants true or false, not "1"')
  expect(await parsed("network: {create: {mtu: big}}")).toBe(
    'error: cannot use c.yaml:1: network.create.mtu wants a whole number, not "big"',
  )
  expect(await parsed("data-dir:\n  - /a\n")).toBe("error: cannot use c.yaml:2: data-dir wants a single value")
  expect(await parsed("network: red\n")).toBe("error: cannot use c.yaml:1: network wants a mapping of keys to values")
  expect(await parsed("- a\n- b\n")).toBe("error: cannot use c.yaml:1: the file wants a mapping of keys to values")
})

test("broken YAML is told with its line", async () => {
  expect(await parsed("http: off\nname: [a\n")).toStartWith("error: cannot use c.yaml:")
  expect(await parsed("http: off\nhttp: on\n")).toBe("error: cannot use c.yaml:2: Map keys must be unique")
})

test("a missing file is an error only if it was named", async () => {
  expect((await loadConfiguration(DEFAULT_CONFIG, configKeys())).size).toBe(0)
  expect(loadConfiguration("/nowhere/c.yaml", configKeys())).rejects.toThrow(
    "cannot read /nowhere/c.yaml: there is no such file",
  )
})
