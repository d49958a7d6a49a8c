/** The walls of the house: the real tree keeps them, and small made-up trees that break them are caught. */
import { describe, expect, test } from "bun:test"
import { resolve } from "node:path"
import { checkLayering, checkTree, describe as line } from "../scripts/layering.ts"
import { codeOnly, importsOf } from "../scripts/source-text.ts"

/** What the checker says of one made-up file. */
function verdict(file: string, text: string): string[] {
  return checkLayering(new Map([[file, text]]), ["lmdb", "hono", "cac", "netlink", "zod"]).map(line)
}

test("the sources keep the layering", () => {
  expect(checkTree(resolve(import.meta.dir, "..")).map(line)).toEqual([])
})

describe("floors", () => {
  test("downwards and inside a folder is allowed", () => {
    expect(verdict("agent/a.ts", `import { b } from "../store/port.ts"\nimport "./c.ts"\nimport "./d/e.ts"`)).toEqual(
      [],
    )
    expect(verdict("main.ts", `import { run } from "./cli/run.ts"`)).toEqual([])
  })

  test("upwards fails, with the line", () => {
    expect(verdict("store/a.ts", `\n\nimport { b } from "../agent/b.ts"`)).toEqual([
      "src/store/a.ts:3: store imports agent: that floor is above, imports go only downwards",
    ])
  })

  test("neighbours fail", () => {
    expect(verdict("store/a.ts", `import { b } from "../kernel/b.ts"`)).toEqual([
      "src/store/a.ts:1: store imports kernel: neighbours on one floor do not import each other",
    ])
  })

  test("every form of import is seen", () => {
    const forms = [
      `import "../agent/b.ts"`,
      `import type { B } from "../agent/b.ts"`,
      `import {\n  type B,\n  c,\n} from '../agent/b.ts'`,
      `export * from "../agent/b.ts"`,
      `export type { B } from "../agent/b.ts"`,
      `const b = await import("../agent/b.ts")`,
      `type B = import("../agent/b.ts").B`,
      `const b = require("../agent/b.ts")`,
      `const page = \`\${await import("../agent/b.ts")}\``,
    ]
    for (const form of forms) expect([form, verdict("store/a.ts", form).length]).toEqual([form, 1])
  })

  test("what only looks like an import is none", () => {
    const text = [
      `// import "../agent/b.ts"`,
      `/* import "../agent/b.ts" */`,
      `const a = 'import "../agent/b.ts"'`,
      `const b = \`import "../agent/b.ts" \${1} from "../agent/b.ts"\``,
      `const c = /import "..\\/agent\\/b.ts"/`,
    ].join("\n")
    expect(verdict("store/a.ts", text)).toEqual([])
  })

  test("a folder without a floor, a stray file and a way out of src fail", () => {
    expect(verdict("new/a.ts", `import "../base/b.ts"`)).toEqual([
      "src/new/a.ts:1: src/new has no floor: give it one in scripts/layering.ts",
    ])
    expect(verdict("stray.ts", `import "./base/b.ts"`)).toEqual([
      "src/stray.ts:1: only main.ts stands directly in src: stray.ts belongs in a folder",
    ])
    expect(verdict("base/a.ts", `import p from "../../package.json"`)).toEqual([
      "src/base/a.ts:1: imports ../../package.json: that is outside src",
    ])
    expect(verdict("cli/a.ts", `import "../main.ts"`)).toEqual([
      "src/cli/a.ts:1: cli imports main.ts: nothing imports what stands above all floors",
    ])
  })

  test("a unit test obeys the floors and is free in the rest", () => {
    expect(verdict("model/a.test.ts", `import "../api/b.ts"`)).toHaveLength(1)
    expect(verdict("model/a.test.ts", `import { test } from "bun:test"\nnew Date()\nprocess.exit(1)`)).toEqual([])
  })
})

describe("pure floors", () => {
  const impure = [
    `import { readFileSync } from "node:fs"`,
    `import { Database } from "bun:sqlite"`,
    `const a = Date.now()`,
    `const a = new Date(0)`,
    `const a = Math.random()`,
    `setTimeout(() => {}, 1)`,
    `setInterval(() => {}, 1)`,
    `const a = async () => { await b }`,
    `const a = crypto.randomUUID()`,
    `const a = performance.now()`,
    `const a = process.env.HOME`,
    `const a = \`\${Date.now()}\``,
  ]
  for (const text of impure) {
    test(text, () => {
      for (const floor of ["base", "model", "raft", "overlay"]) expect(verdict(`${floor}/a.ts`, text)).toHaveLength(1)
      expect(verdict("agent/a.ts", text)).toEqual([])
    })
  }

  test("words in comments, strings and names are none", () => {
    const text = `// await new Date()\nconst a = "Date.now()"\nconst createdDate = x.Date\nclock.setTimeout(1)\nlet leftDate: Date`
    expect(verdict("model/a.ts", text)).toEqual([])
  })
})

describe("packages", () => {
  const places: [specifier: string, allowed: string, forbidden: string][] = [
    ["bun:ffi", "linux/libc.ts", "linux/namespaces.ts"],
    ["lmdb", "store/lmdb.ts", "store/kv.ts"],
    ["netlink/dist/structs", "netlink/link.ts", "kernel/linux.ts"],
    ["hono", "api/app.ts", "agent/loop.ts"],
    ["hono/streaming", "ui/page.ts", "cli/render.ts"],
    ["cac", "cli/parse.ts", "api/app.ts"],
  ]
  for (const [specifier, allowed, forbidden] of places) {
    test(`${specifier} only in ${allowed}`, () => {
      expect(verdict(allowed, `import x from "${specifier}"`)).toEqual([])
      expect(verdict(forbidden, `import x from "${specifier}"`)).toHaveLength(1)
    })
  }

  test("netlink's root nowhere, and nothing that package.json does not list", () => {
    expect(verdict("netlink/a.ts", `import x from "netlink"`)).toEqual([
      "src/netlink/a.ts:1: imports netlink, which is allowed nowhere: its root aborts the process; import netlink/dist/*",
    ])
    expect(verdict("store/a.ts", `import x from "left-pad/index.js"`)).toEqual([
      "src/store/a.ts:1: imports left-pad/index.js: not among the dependencies in package.json",
    ])
  })

  test("only main.ts ends the process", () => {
    expect(verdict("main.ts", "process.exit(0)")).toEqual([])
    expect(verdict("cli/a.ts", "\nprocess.exit(0)")).toEqual([
      "src/cli/a.ts:2: process.exit (process.exit) is forbidden: only src/main.ts ends the process",
    ])
  })
})

describe("reading source", () => {
  test("what is no code becomes blanks of the same length", () => {
    const text = `a = "b\\"c" + 'd' // e\nf = \`g\${h({ i: "j" })}k\` / 2 /* l\nm */ n = /o"[/]p/.test(q)`
    expect(codeOnly(text)).toBe(
      `a = "    " + ' '     \nf = \` \${h({ i: " " })} \` / 2     \n     n = /      /.test(q)`,
    )
  })

  test("imports are read from the original", () => {
    const text = `import a from "é"\nimport { b } from 'c'`
    expect(importsOf(text, codeOnly(text))).toEqual([
      { specifier: "é", line: 1 },
      { specifier: "c", line: 2 },
    ])
  })
})
