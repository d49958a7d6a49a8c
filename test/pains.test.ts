/**
 * docs/pains.md against the tests: each of the fifty stands there once; a test that it names exists under that title
 * and bears the number; a number that a test bears is there, in a row that names the test's file.
 */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const ROOT = resolve(import.meta.dir, "..")
const PAGE = "docs/pains.md"
const PAINS = 50
const ABSENT = "not in this version"

interface Row {
  number: number
  /** What the last column says. */
  proof: string
  tests: { file: string; title: string }[]
}

/** `| 7 | pain | what ovl does | proof |`; a proof names tests as `` `file`: "title" ``, title without numbers. */
function rowsOf(page: string): Row[] {
  return page.split("\n").flatMap((line) => {
    const [, number, , , proof = ""] = line.split(" | ").length === 4 ? ["", ...cells(line)] : []
    if (!/^\d+$/.test(number ?? "")) return []
    const tests = [...proof.matchAll(/`([^`]+)`: "([^"]+)"/g)].map(([, file, title]) => ({
      file: file!,
      title: title!,
    }))
    return [{ number: Number(number), proof, tests }]
  })
}

function cells(line: string): string[] {
  return line.replace(/^\| | \|$/g, "").split(" | ")
}

/** Titles that end in marks, each with its numbers, in a file of tests. */
function markedTitles(source: string): { title: string; numbers: number[] }[] {
  return [...source.matchAll(/(["'`])((?:(?!\1)[^\n])*?)((?: \(pain \d+\))+)\1/g)].map(([, , title, marks]) => ({
    title: title!,
    numbers: [...marks!.matchAll(/\d+/g)].map(Number),
  }))
}

function filesWithMarks(): Map<string, ReturnType<typeof markedTitles>> {
  const paths = [...new Bun.Glob("{src,test,scripts}/**/*.{ts,tsx}").scanSync({ cwd: ROOT })]
  const sources = paths.sort().map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const)
  return new Map(sources.flatMap(([path, text]) => (text.includes("(pain ") ? [[path, markedTitles(text)]] : [])))
}

describe("the page of pains", () => {
  const rows = rowsOf(readFileSync(join(ROOT, PAGE), "utf8"))
  const marked = filesWithMarks()

  test("has each of the fifty once, in order", () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: PAINS }, (_, i) => i + 1))
  })

  test("names a test for each, or says that it is not in this version", () => {
    const undecided = rows.filter(({ proof, tests }) => tests.length > 0 === proof.includes(ABSENT))
    expect(undecided.map(({ number }) => number)).toEqual([])
  })

  test("names tests that are there and bear the number", () => {
    const missing = rows.flatMap(({ number, tests }) =>
      tests
        .filter(({ file, title }) =>
          (marked.get(file) ?? []).every((one) => one.title !== title || !one.numbers.includes(number)),
        )
        .map(({ file, title }) => `${number}: ${file}: ${title}`),
    )
    expect(missing).toEqual([])
  })

  test("has every number that a test bears, with that test's file", () => {
    const unnamed = [...marked].flatMap(([file, titles]) =>
      titles.flatMap(({ title, numbers }) =>
        numbers
          .filter((number) => !rows[number - 1]?.tests.some((one) => one.file === file))
          .map((number) => `${number}: \`${file}\`: "${title}"`),
      ),
    )
    expect(unnamed).toEqual([])
  })
})
