/** Every option of the daemon can be said on the line, in the environment and in the file, in the unit and elsewhere. */
import { expect, test } from "bun:test"
import { configKeyOf, type Option, variableOf } from "./command.ts"
import { parseConfiguration } from "./config.ts"
import { join } from "./commands/join.ts"
import { serve } from "./commands/serve.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { resolveOptions } from "./parse.ts"
import { configKeys } from "./registry.ts"
import { splitLine, tablesOf } from "./words.ts"

/** Two values that are right for the option and differ from its default, as texts. */
function sample(option: Option): [string, string, string] {
  if (option.kind === "flag") return ["true", "true", "true"]
  if (option.kind === "integer") return ["11", "12", "13"]
  if (option.kind === "duration") return ["20s", "30s", "40s"]
  const choices = option.kind === "text" ? option.choices : undefined
  const other = choices?.find((each) => each !== (option.kind === "text" ? option.default : undefined))
  return other === undefined ? ["one", "two", "three"] : [other, other, other]
}

const value = (option: Option, text: string) => {
  if (option.kind === "flag") return true
  if (option.kind === "integer") return Number(text)
  return option.kind === "duration" ? Number.parseInt(text, 10) * 1_000 : text
}

/** `--config` says where the file is, and `--socket` is not the daemon's to choose. */
const options = [serve, join].flatMap((command) =>
  Object.entries({ ...GLOBAL_OPTIONS, ...command.options } as Record<string, Option>)
    .filter(([name, option]) => !option.lineOnly && name !== "config" && name !== "socket")
    .map(([name, option]) => [command.path[0]!, name, option, command] as const),
)

test.each(options)("%s --%s", async (_, name, option, command) => {
  const [inFile, inVariable, onLine] = sample(option)
  const isGlobal = name in GLOBAL_OPTIONS
  const key = configKeyOf(isGlobal ? null : command, name, option)!
  const yaml = key.split(".").reduceRight((inner, part, at) => `${"  ".repeat(at)}${part}:${inner}`, ` ${inFile}`)
  const configuration = await parseConfiguration("c.yaml", yaml.replaceAll(/:( *)(?=[a-z-]+:)/g, ":\n$1"), configKeys())
  const env = { [variableOf(name)]: inVariable }
  const words = option.kind === "flag" ? [`--${name}`] : [`--${name}`, onLine]
  const line = splitLine(words, tablesOf(command), null, "ovl").options
  const found = (...given: [typeof line, typeof env | Record<string, never>, typeof configuration]) => {
    const { values, origins } = resolveOptions({ [name]: option }, isGlobal ? null : command, ...given)
    return [values[name], origins[name]]
  }
  expect(found(line, env, configuration)).toEqual([value(option, onLine), "line"])
  expect(found(new Map(), env, configuration)).toEqual([value(option, inVariable), "variable"])
  expect(found(new Map(), {}, configuration)).toEqual([value(option, inFile), "file"])
  expect(found(new Map(), {}, new Map())[1]).toBe("default")
})

test("what both verbs have stands in one place of the file", () => {
  const keysOf = (command: typeof serve) =>
    Object.entries(command.options).map(([name, option]) => `${name} ${configKeyOf(command, name, option)}`)
  const shared = keysOf(serve).filter((each) => each.split(" ")[0]! in join.options)
  expect(shared.filter((each) => !keysOf(join).includes(each))).toEqual([])
  expect(shared.length).toBeGreaterThan(8)
})
