import { expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import { type Command, defineCommand, type OptionTable } from "./command.ts"
import { bindArguments, resolveOptions } from "./parse.ts"
import { positionalsBeforeCommand, splitLine } from "./words.ts"

const OPTIONS: OptionTable = {
  "data-dir": { kind: "text", value: "DIR", default: "/var/lib/ovl", config: "data-dir", description: "" },
  subnet: { kind: "list", value: "CIDR", description: "" },
  label: { kind: "pair", value: "K=V", description: "" },
  internal: { kind: "flag", description: "" },
  help: { kind: "flag", lineOnly: true, description: "" },
}

const it: Command = defineCommand({
  path: ["network", "create"],
  task: "Networks",
  summary: "",
  examples: [{ what: "", line: "ovl network create red" }],
  options: OPTIONS,
  arguments: {},
  run: async () => 0,
})

function resolve(words: string[], env: Record<string, string> = {}, file: Record<string, string[]> = {}) {
  const configuration = new Map(Object.entries(file).map(([key, texts]) => [key, { given: key, texts }]))
  return resolveOptions(OPTIONS, it, splitLine(words, [OPTIONS], null, "ovl").options, env, configuration)
}

test("the line beats the variable, the variable the file, the file the default", () => {
  const line = ["--data-dir", "/line"]
  const env = { OVL_DATA_DIR: "/variable" }
  const file = { "data-dir": ["/file"] }
  const chosen = (...given: Parameters<typeof resolve>) => {
    const { values, origins } = resolve(...given)
    return `${values["data-dir"]} (${origins["data-dir"]})`
  }
  expect(chosen(line, env, file)).toBe("/line (line)")
  expect(chosen([], env, file)).toBe("/variable (variable)")
  expect(chosen([], {}, file)).toBe("/file (file)")
  expect(chosen([], {}, {})).toBe("/var/lib/ovl (default)")
})

test("an empty variable is none", () => {
  expect(resolve([], { OVL_DATA_DIR: "" }).values["data-dir"]).toBe("/var/lib/ovl")
})

test("a flag that the file turned on can be turned off", () => {
  const file = { "network.create.internal": ["true"] }
  expect(resolve([], {}, file).values.internal).toBe(true)
  expect(resolve([], { OVL_INTERNAL: "false" }, file).values.internal).toBe(false)
  expect(resolve(["--no-internal"], {}, file).values.internal).toBe(false)
})

test("lists in variables are separated by commas, pairs by lines", () => {
  const { values } = resolve([], { OVL_SUBNET: "10.1.0.0/24,10.2.0.0/24", OVL_LABEL: "a=1,2\nb=3\n" })
  expect(values.subnet).toEqual(["10.1.0.0/24", "10.2.0.0/24"])
  expect(values.label).toEqual(["a=1,2", "b=3"])
})

test("help has no variable", () => {
  expect(resolve([], { OVL_HELP: "nonsense" }).values).not.toHaveProperty("help")
})

test("a wrong value is told with the name under which it was given", () => {
  expect(() => resolve([], { OVL_LABEL: "x" })).toThrow('OVL_LABEL: "x" has no value')
  expect(() => resolve(["--label", "x"])).toThrow('--label: "x" has no value')
})

function bind(words: string, takes: Record<string, "one" | "many" | "command">, optional: string[] = []): string {
  const entries = Object.entries(takes).map(([key, kind]) => {
    return [
      key,
      { name: key.toUpperCase(), description: "The thing", required: !optional.includes(key), takes: kind },
    ] as const
  })
  const command = defineCommand({ ...it, arguments: Object.fromEntries(entries) })
  const line = splitLine(
    words.split(" ").filter((w) => w !== ""),
    [],
    positionalsBeforeCommand(command),
    "ovl",
  )
  try {
    return JSON.stringify(bindArguments(command, line))
  } catch (error) {
    return (error as Error).message
  }
}

test("arguments are bound, and too few or too many are told", () => {
  expect(bind("a", { name: "one" })).toBe('{"name":"a"}')
  expect(bind("007", { name: "one" })).toBe('{"name":"007"}')
  expect(bind("-- -a", { name: "one" })).toBe('{"name":"-a"}')
  expect(bind("a b c", { names: "many" })).toBe('{"names":["a","b","c"]}')
  expect(bind("", { file: "one" }, ["file"])).toBe("{}")
  expect(bind("", { name: "one" })).toBe("network create: NAME is missing")
  expect(bind("", { names: "many" })).toBe("network create: NAMES is missing")
  expect(bind("a b", { name: "one" })).toBe('network create: unexpected argument "b"')
  expect(bind("a", {})).toBe('network create: unexpected argument "a"')
})

test("who left an argument out is shown one line, which calls this very command", () => {
  const lines = "ip netns add h1\n  ovl network create red --internal\n  ovl network create green"
  const command = { ...it, examples: [{ what: "", line: lines }] }
  const named = { name: { name: "NAME", description: "Its name", required: true, takes: "one" } } as const
  let hint = ""
  try {
    bindArguments({ ...command, arguments: named }, { options: new Map(), positionals: [], command: null })
  } catch (error) {
    hint = asOvlError(error).hint
  }
  expect(hint).toBe("NAME is its name: ovl network create red --internal")
})

test("a command is bound whole", () => {
  expect(bind("web ls -l", { name: "one", command: "command" })).toBe('{"name":"web","command":["ls","-l"]}')
  expect(bind("web", { name: "one", command: "command" })).toBe("network create: COMMAND is missing")
  expect(bind("-- ls -l", { name: "one", command: "command" })).toBe("network create: NAME is missing")
  expect(bind("", { command: "command" }, ["command"])).toBe('{"command":[]}')
})
