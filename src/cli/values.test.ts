import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import type { Option } from "./command.ts"
import { addressAndPort, convert, durationText } from "./values.ts"

function value(option: Partial<Option> & { kind: Option["kind"] }, ...texts: string[]): unknown {
  const whole = { value: "X", description: "", ...option } as Option
  try {
    return convert(whole, { given: "--it", texts }, { HOME: "/root", A: "1" })
  } catch (error) {
    expect(error).toBeInstanceOf(OvlError)
    expect((error as OvlError).exitStatus).toBe(2)
    return (error as OvlError).message
  }
}

test("text stays text, whatever it looks like", () => {
  expect(value({ kind: "text" }, "007")).toBe("007")
  expect(value({ kind: "text" }, "10")).toBe("10")
  expect(value({ kind: "text" }, "-")).toBe("-")
  expect(value({ kind: "text" }, "first", "last")).toBe("last")
  expect(value({ kind: "text" }, "")).toBe("--it: it is empty")
})

test("whole numbers, within their bounds", () => {
  expect(value({ kind: "integer" }, "256")).toBe(256)
  for (const wrong of ["x", "1.5", "-1", "0x10", "1e3", " 1", "9999999999999999"])
    expect(value({ kind: "integer" }, wrong)).toBe(`--it: "${wrong}" is not a whole number`)
  expect(value({ kind: "integer", min: 1 }, "0")).toBe("--it: it must be at least 1")
  expect(value({ kind: "integer", max: 9 }, "10")).toBe("--it: it must be at most 9")
})

test("durations become milliseconds, and want a unit", () => {
  expect(value({ kind: "duration" }, "24h")).toBe(86_400_000)
  expect(value({ kind: "duration" }, "1h30m")).toBe(5_400_000)
  expect(value({ kind: "duration" }, "1.5h")).toBe(5_400_000)
  expect(value({ kind: "duration" }, "250ms")).toBe(250)
  expect(value({ kind: "duration" }, "2w")).toBe(1_209_600_000)
  for (const wrong of ["24", "h", "1 h", "-1h", "1h30", "1y"])
    expect(value({ kind: "duration" }, wrong)).toBe(`--it: "${wrong}" is not a duration`)
  expect(value({ kind: "duration", max: 3_600_000 }, "2h")).toBe("--it: it must be at most 1h")
})

test("durations as help shows them", () => {
  expect([86_400_000, 10_000, 5_400_000, 250, 604_800_000].map(durationText)).toEqual([
    "24h",
    "10s",
    "90m",
    "250ms",
    "7d",
  ])
})

test("flags from variables and files", () => {
  for (const yes of ["true", "1", "yes", "ON"]) expect(value({ kind: "flag" }, yes)).toBe(true)
  for (const no of ["false", "0", "no", "Off"]) expect(value({ kind: "flag" }, no)).toBe(false)
  expect(value({ kind: "flag" }, "maybe")).toBe('--it: "maybe" is neither true nor false')
})

test("lists split at commas and keep their order", () => {
  expect(value({ kind: "list" }, "red,green", "blue")).toEqual(["red", "green", "blue"])
  expect(value({ kind: "list" }, "red,")).toBe('--it: "red," has an empty item')
})

test("pairs want a key and a value; only an inheriting one may be bare", () => {
  expect(value({ kind: "pair" }, "k=v", "e=", "a=b=c,d")).toEqual(["k=v", "e=", "a=b=c,d"])
  expect(value({ kind: "pair" }, "k")).toBe('--it: "k" has no value')
  expect(value({ kind: "pair" }, "=v")).toBe('--it: "=v" has no key')
  expect(value({ kind: "pair", inherit: true }, "HOME", "NOT_SET", "A=2")).toEqual(["HOME=/root", "A=2"])
})

test("choices", () => {
  expect(value({ kind: "text", choices: ["client", "server"] }, "server")).toBe("server")
  expect(value({ kind: "text", choices: ["client", "server"] }, "sever")).toBe(
    '--it: "sever" is not one of client, server',
  )
})

test("addresses with a port", () => {
  expect(addressAndPort("--http", "127.0.0.1:8500", 1)).toEqual({ address: "127.0.0.1", port: 8500 })
  expect(addressAndPort("--http", "[::1]:0", 0)).toEqual({ address: "::1", port: 0 })
  for (const wrong of ["8500", "127.0.0.1", "127.0.0.1:", "1.2.3.4:65536", "::1:8500", "1.2.3.4:http"])
    expect(() => addressAndPort("--http", wrong, 0)).toThrow(`--http: "${wrong}" is not ADDR:PORT`)
  expect(() => addressAndPort("--bind", "0.0.0.0:0", 1)).toThrow('--bind: "0.0.0.0:0" is not ADDR:PORT')
})
