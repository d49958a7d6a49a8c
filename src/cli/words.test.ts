import { expect, test } from "bun:test"
import type { OptionTable } from "./command.ts"
import { splitLine } from "./words.ts"

const OPTIONS: OptionTable = {
  name: { kind: "text", value: "NAME", description: "" },
  detach: { kind: "flag", short: "d", description: "" },
  interactive: { kind: "flag", short: "i", description: "" },
  tty: { kind: "flag", short: "t", description: "" },
  env: { kind: "pair", short: "e", value: "K=V", description: "" },
}

/** The line as one reads it: options with their texts, then the arguments, then the command. */
function split(words: string, positionalsBeforeCommand: number | null = null): string {
  try {
    const line = splitLine(words.split(" "), [OPTIONS], positionalsBeforeCommand, "ovl it")
    const options = [...line.options.values()].map(({ name, texts }) => `${name}=${texts.join("|")}`)
    const command = line.command === null ? [] : [`$ ${line.command.join(" ")}`]
    return [...options, ...line.positionals, ...command].join(" ; ")
  } catch (error) {
    return `error: ${(error as Error).message}`
  }
}

test("long options, with a blank or an equals sign", () => {
  expect(split("--name a b")).toBe("name=a ; b")
  expect(split("--name=a b")).toBe("name=a ; b")
  expect(split("--name=a=b")).toBe("name=a=b")
  expect(split("--name=")).toBe("name=")
  expect(split("--name a --name=b")).toBe("name=a|b")
})

test("values that look like numbers, or like nothing", () => {
  expect(split("--name 007")).toBe("name=007")
  expect(split("--name 1e3")).toBe("name=1e3")
  expect(split("--name -")).toBe("name=-")
  expect(split("--name=-x")).toBe("name=-x")
})

test("short options, alone, in bundles and with values", () => {
  expect(split("-d x")).toBe("detach=true ; x")
  expect(split("-it")).toBe("interactive=true ; tty=true")
  expect(split("-i -t")).toBe("interactive=true ; tty=true")
  expect(split("-e A=1 -eB=2 -e=C=3")).toBe("env=A=1|B=2|C=3")
  expect(split("-ite A=1")).toBe("interactive=true ; tty=true ; env=A=1")
})

test("flags can be turned off", () => {
  expect(split("--no-detach")).toBe("detach=false")
  expect(split("--detach=false")).toBe("detach=false")
  expect(split("--no-name")).toBe("error: it: unknown option --no-name")
})

test("options may follow arguments, until -- ends them", () => {
  expect(split("a --name b c")).toBe("name=b ; a ; c")
  expect(split("a -- --name b")).toBe("a ; --name ; b")
  expect(split("- a")).toBe("- ; a")
})

test("a command is left alone from its first word, with or without --", () => {
  expect(split("web ls -l --name x", 1)).toBe("web ; $ ls -l --name x")
  expect(split("-it web -- ls -l", 1)).toBe("interactive=true ; tty=true ; web ; $ ls -l")
  expect(split("web -i ls -t", 1)).toBe("interactive=true ; web ; $ ls -t")
  expect(split("web ls -- -l", 1)).toBe("web ; $ ls -- -l")
  expect(split("-d -- --weird", 0)).toBe("detach=true ; $ --weird")
  expect(split("--name x ping -c1 h", 0)).toBe("name=x ; $ ping -c1 h")
  expect(split("web --", 1)).toBe("web ; $ ")
})

test("a forgotten value is told, not swallowed", () => {
  expect(split("--name")).toBe("error: --name: a value is wanted (NAME)")
  expect(split("--name --detach")).toBe("error: --name: a value is wanted (NAME)")
  expect(split("-e")).toBe("error: -e: a value is wanted (K=V)")
  expect(split("--name -- x")).toBe("error: --name: a value is wanted (NAME)")
})

test("unknown options", () => {
  expect(split("--nmae x")).toBe("error: it: unknown option --nmae")
  expect(split("-x")).toBe("error: it: unknown option -x")
  expect(split("-dx")).toBe("error: it: unknown option -x")
  expect(split("--name.x=1")).toBe("error: it: unknown option --name.x")
  expect(split("--__proto__=1")).toBe("error: it: unknown option --__proto__")
  expect(split("--constructor x")).toBe("error: it: unknown option --constructor")
})
