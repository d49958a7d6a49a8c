import { expect, test } from "bun:test"
import { FOREIGN_OPTIONS, FOREIGN_WORDS } from "./foreign-words.ts"
import { COMMANDS, commandAt, verbsBelow } from "./registry.ts"
import { ovl } from "./testing.ts"

/** The hint below an unknown command. */
async function hint(line: string): Promise<string> {
  const { status, stderr } = await ovl(line.split(" "))
  expect([line, status, stderr.split("\n")[0]!]).toEqual([line, 2, expect.stringMatching(/^ovl: .*: unknown command$/)])
  return /^hint: (.*)$/m.exec(stderr)?.[1] ?? ""
}

test("words of docker, consul, k3s, containerlab and ip lead to ours", async () => {
  expect(await hint("containers")).toBe("did you mean `ovl ps`?")
  expect(await hint("container ls")).toBe("did you mean `ovl ps`?")
  expect(await hint("inspect red")).toBe(
    "did you mean `ovl network inspect red` or `ovl endpoint inspect red` or `ovl node inspect red`?",
  )
  expect(await hint("kill web")).toBe("did you mean `ovl stop web`?")
  expect(await hint("swarm init")).toBe("did you mean `ovl serve`?")
  expect(await hint("members")).toBe("did you mean `ovl node ls`?")
  expect(await hint("peers")).toBe("did you mean `ovl node ls` or `ovl raft ls`?")
  expect(await hint("raft list-peers")).toBe("did you mean `ovl raft ls`?")
  expect(await hint("deploy lab.yaml")).toBe("did you mean `ovl lab up`?")
  expect(await hint("ls -a")).toBe("did you mean `ovl network ls` or `ovl ps` or `ovl endpoint ls`?")
})

test("a word that every object knows is like any other unknown one", async () => {
  for (const word of ["constructor", "toString", "__proto__"])
    expect(await hint(word)).toBe("`ovl --help` lists the commands")
})

test("what follows the word stands in the hint as it was written", async () => {
  expect(await hint("kill $&")).toBe("did you mean `ovl stop $&`?")
})

test("other words for a noun's verbs", async () => {
  expect(await hint("network show red")).toBe("did you mean `ovl network inspect`?")
  expect(await hint("network add red")).toBe("did you mean `ovl network create`?")
  expect(await hint("kv set a b")).toBe("did you mean `ovl kv put`?")
  expect(await hint("kv rm a")).toBe("did you mean `ovl kv del`?")
  expect(await hint("token delete x")).toBe("did you mean `ovl token rm`?")
})

test("misspelt words, the noun and the verb", async () => {
  expect(await hint("netwrok ls")).toBe("did you mean `ovl network ls`?")
  expect(await hint("netwrok lst")).toBe("did you mean `ovl network ls`?")
  expect(await hint("network lst")).toBe("did you mean `ovl network ls`?")
  expect(await hint("netwrok")).toBe("did you mean `ovl network`?")
  expect(await hint("staus -q")).toBe("did you mean `ovl status`?")
  expect(await hint("netwrok -q ls")).toBe("did you mean `ovl network ls`?")
  expect(await hint("network zzzzzz")).toBe("`ovl network --help` lists the commands")
  expect(await hint("zzzzzz")).toBe("`ovl --help` lists the commands")
})

test("every word leads to a command that there is, and is none itself", () => {
  for (const [words, calls] of Object.entries(FOREIGN_WORDS)) {
    expect(commandAt(words.split(" ")), words).toBeUndefined()
    expect(verbsBelow(words.split(" ")), words).toEqual([])
    for (const call of calls) {
      const path = call.replace(/ NAME.*| -.*/, "").split(" ")
      expect(
        COMMANDS.some((command) => command.path.join(" ") === path.join(" ")),
        call,
      ).toBe(true)
    }
  }
})

test("options of docker's that there are not", async () => {
  const { stderr } = await ovl(["run", "--rm", "-it", "--network", "red", "sh"])
  expect(stderr).toBe(
    "ovl: run: unknown option --rm\nhint: `ovl rm NAME` removes a workload that has ended; `ovl run --help` lists the options\n",
  )
  for (const command of COMMANDS)
    for (const name of Object.keys(FOREIGN_OPTIONS)) expect(Object.keys(command.options)).not.toContain(name.slice(2))
})
