import { describe, expect, test } from "bun:test"
import { type CodeSites, findCodeSites, readFile } from "../scripts/code-sites.ts"
import { ROOT } from "../scripts/compile.ts"
import { allCodes, CODE_SUBJECTS, codeNear, findCode } from "../src/base/codes/codes.ts"

const { sites, unread } = findCodeSites(ROOT)

function rowOf(code: string) {
  return CODE_SUBJECTS.map(({ codes }) => codes[code]).find((row) => row !== undefined)
}

describe("every code of the sources can be explained", () => {
  test("each place that makes an error was understood", () => {
    expect(unread).toEqual([])
    expect(sites.length).toBeGreaterThan(400)
  })

  test("each code has a row in src/base/codes", () => {
    expect(sites.filter(({ code }) => !rowOf(code)).map(({ code, place }) => `${code} at ${place}`)).toEqual([])
  })

  test("each row has a code, and stands in one table only", () => {
    const used = new Set(sites.map(({ code }) => code))
    expect(allCodes().filter((code) => !used.has(code))).toEqual([])
    expect(new Set(allCodes()).size).toBe(allCodes().length)
  })

  test("each row has the kinds with which its code is thrown", () => {
    const missing = sites.flatMap(({ code, kinds, place }) => {
      const known: readonly string[] = rowOf(code)?.kinds ?? []
      return (kinds ?? []).filter((kind) => !known.includes(kind)).map((kind) => `${code} is ${kind} at ${place}`)
    })
    expect(missing).toEqual([])
  })

  test("a code that is no error's is a problem's", () => {
    for (const { codes } of CODE_SUBJECTS)
      for (const [code, row] of Object.entries(codes))
        expect(row.kinds.length > 0 || row.problem !== undefined, code).toBe(true)
  })

  test("rows are whole sentences", () => {
    for (const { codes } of CODE_SUBJECTS)
      for (const [code, { means, causes, remedy }] of Object.entries(codes))
        for (const text of [means, causes, remedy]) expect(text, code).toMatch(/^\S.*[.)]$/)
  })
})

test("each form in which a code is written is found", () => {
  const found: CodeSites = { sites: [], unread: [] }
  readFile(
    "src/model/x.ts",
    `
    throw new OvlError("plain", "a, b (c")
    throw new OvlError(
      "over_lines",
      \`of \${names.map((n) => f(n, ")"))}\`,
      { kind: "conflict", hint: "x" },
    )
    throw new OvlError(denied ? "not_permitted" : "failed_so", "m", { kind: denied ? "forbidden" : "failed" })
    return usageError("usage_one", "m", "h")
    function parse(text: string, code = "by_default") { throw new OvlError(code, "m", { kind: "usage" }) }
    throw schemaError(error, "query", "query_wrong", "usage")
    const problem = { code: "of_status", message: "m" }
    const code = full ? "one_way" : "other_way"
    return new OvlError(error.code, "m", { kind: error.kind })
    return new OvlError(chosen, "m")
    `,
    found,
  )
  expect(found.sites.map(({ code, kinds, place }) => `${code} ${kinds} ${place.split(":")[1]}`).sort()).toEqual([
    "by_default null 10",
    "failed_so forbidden,failed 8",
    "not_permitted forbidden,failed 8",
    "of_status null 12",
    "one_way null 13",
    "other_way null 13",
    "over_lines conflict 3",
    "plain failed 2",
    "query_wrong null 11",
    "usage_one usage 9",
  ])
  expect(found.unread).toEqual(["src/model/x.ts:15: chosen"])
})

test("a code is looked up by its name, and by the family that it belongs to", () => {
  expect(findCode("subnet_overlap")?.kinds).toEqual(["conflict"])
  expect(findCode("linux_enoent")?.means).toContain("system call")
  for (const code of ["linux_*", "linux_", "nonsense", "toString", ""])
    expect([code, findCode(code)]).toEqual([code, undefined])
  expect(codeNear("subnet-overlaps")).toBe("subnet_overlap")
  expect(codeNear("overlap")).toBe("subnet_overlap")
  expect(codeNear("qqqqqqq")).toBeUndefined()
})
