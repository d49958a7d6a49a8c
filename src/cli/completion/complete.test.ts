import { describe, expect, test } from "bun:test"
import { type Candidate, completionText } from "./candidate.ts"
import { complete, type Names } from "./complete.ts"

const THERE: Record<string, string[]> = {
  network: ["red", "green", "grey"],
  workload: ["web", "db"],
  key: ["config/", "web"],
}

const names: Names = async (held) => (THERE[held] ?? []).map((word): Candidate => ({ word, description: `a ${held}` }))

/** The words that are offered behind this line, the cursor standing at its end. */
async function offered(line: string): Promise<string> {
  const { candidates, shell } = await complete(line.split(" "), names)
  return shell === "nothing" ? candidates.map(({ word }) => word).join(" ") : `(${shell})`
}

describe("words", () => {
  test("verbs, at the top and behind a noun", async () => {
    expect(await offered("ne")).toBe("network")
    expect(await offered("")).toStartWith("lab serve join ")
    expect(await offered("network ")).toStartWith("create ls inspect rm ")
    expect(await offered("lab link ")).toBe("down up")
    expect(await offered("--json network c")).toBe("create connect")
    expect(await offered("help token ")).toBe("create ls rm")
    expect(await offered("help token create ")).toBe("")
  })

  test("what is not in this version is not offered", async () => {
    expect(await offered("tra")).toBe("")
    expect(await offered("network create --sec")).toBe("")
  })

  test("options of the verb and of every command; one that was given not again, unless it is a list", async () => {
    expect(await offered("network create red --int")).toBe("--internal")
    expect(await offered("network create red --internal --int")).toBe("")
    expect(await offered("run --network red --net")).toBe("--network")
    expect(await offered("network create red --js")).toBe("--json")
    expect(await offered("--js")).toBe("--json")
  })

  test("every candidate has a description", async () => {
    for (const line of ["", "network ", "lab ", "network create --"]) {
      const { candidates } = await complete(line.split(" "), names)
      for (const { word, description } of candidates) expect(description, word).not.toBe("")
    }
  })
})

describe("values", () => {
  test("choices, behind a blank or an equals sign", async () => {
    expect(await offered("token create --role ")).toBe("client server")
    expect(await offered("token create --role=s")).toBe("--role=server")
    expect(await offered("completion ")).toBe("bash zsh fish")
  })

  test("names of what there is", async () => {
    expect(await offered("network rm ")).toBe("red green grey")
    expect(await offered("network rm red g")).toBe("green grey")
    expect(await offered("network inspect RE")).toBe("red")
    expect(await offered("--socket /x network rm r")).toBe("red")
    expect(await offered("stop ")).toBe("web db")
    expect(await offered("kv get ")).toBe("config/ web")
    expect(await offered("kv get web ")).toBe("")
  })

  test("each item of a list", async () => {
    expect(await offered("run --network red,g")).toBe("red,green red,grey")
    expect(await offered("run --network=red,green,")).toBe("--network=red,green,grey")
    expect(await offered("run --network red,")).toBe("red,green red,grey")
  })

  test("a new name is nobody's to offer", async () => {
    expect(await offered("network create ")).toBe("")
    expect(await offered("run --name ")).toBe("")
  })

  test("paths are left to the shell", async () => {
    expect(await offered("snapshot save ")).toBe("(files)")
    expect(await offered("serve --data-dir ")).toBe("(folders)")
    expect(await offered("--config ")).toBe("(files)")
  })
})

describe("somebody else's command", () => {
  test("its program and then its files are left to the shell", async () => {
    expect(await offered("exec web ")).toBe("(programs)")
    expect(await offered("exec web -- pi")).toBe("(programs)")
    expect(await offered("exec web ping --")).toBe("(files)")
    expect(await offered("run --network red -- ping -c ")).toBe("(files)")
    expect(await offered("exec -i w")).toBe("web")
  })
})

test("lines that are wrong are no trouble", async () => {
  for (const line of [
    "netwrok ",
    "network nonsense ",
    "network create --nonsense ",
    "-",
    "--",
    "run -- ",
    "--json=",
    "=",
  ])
    expect(await offered(line)).toBeString()
  expect(await offered("--")).toContain("--json")
})

test("for a script: what the shell adds, then a candidate a line; nothing that a shell could take for more than a word", () => {
  const candidates = ["red", "$(reboot)", "a b", "x;y"].map((word) => ({ word, description: "one\ttwo\n" }))
  expect(completionText({ candidates, shell: "nothing" })).toBe("nothing\nred\tone two \n")
})
