/**
 * Runs a page's commands in order, as somebody would who reads it: one shell, on a machine of its own, in a directory
 * that looks like a clone of the project, after `make lab`. Nothing of it is left afterwards.
 */
import { constants, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { ConsolePage, PageCommand } from "./console-page.ts"
import { type Background, Machine, scratchDirectory } from "./machine.ts"
import { masked } from "./masks.ts"

const ROOT = resolve(import.meta.dir, "../..")
/** As the machine sees them. */
const HOME = "/root"
const CLONE = `${HOME}/ovl`
const SCRIPT = "/run/page-command"
const OUTPUT = "/run/page-output"
const COMMAND_TIMEOUT_MS = 30_000

/** A command of the page, and what it really said. */
export interface PageResult {
  command: PageCommand
  said: string[]
  /** Whether that is what the page shows, but for what the masks hide. */
  same: boolean
}

/** What `make lab` has done before the page begins; the lab's data is kept apart from the machine's. */
const AFTER_MAKE_LAB = [
  "mount -t tmpfs lib /var/lib",
  // Most hosts have systemd, and `ovl install --dry-run` says so where one does not.
  "mkdir -p /run/systemd/system",
  // Where ovl is installed on the real machine: a copy of those directories without it.
  `for directory in /usr/local/bin /etc/systemd/system /etc/systemd/network /etc/NetworkManager/conf.d; do
    ls $directory/*ovl* > /dev/null 2>&1 || continue
    mkdir -p /run/without$directory
    cp -a $directory/. /run/without$directory
    rm -f /run/without$directory/*ovl*
    mount --bind /run/without$directory $directory
  done`,
  `mount --rbind "$0" ${HOME}`,
  `cd ${CLONE}`,
  "dist/ovl lab up -q",
].join(" && ")

export async function runPage(page: ConsolePage): Promise<PageResult[]> {
  if (!existsSync(join(ROOT, "dist/ovl"))) throw new Error("dist/ovl is missing: run make build first")
  const scratch = scratchDirectory()
  const machine = await Machine.start("laptop")
  try {
    prepare(machine, scratch.path)
    const shell = machine.start(["bash", "--norc"])
    shell.write(`cd ${CLONE}\n`)
    const results: PageResult[] = []
    for (const step of page.steps) {
      if (step.kind === "file") writeFileSync(join(scratch.path, "ovl", step.name), step.text)
      else results.push(resultOf(step, await runCommand(machine, shell, step, results.length)))
    }
    return results
  } finally {
    await machine.close()
    scratch.remove()
  }
}

/** The clone is made of mounts: they are the machine's only, and end with it. */
function prepare(machine: Machine, home: string): void {
  for (const part of ["dist", "labs", "schemas"]) mkdirSync(join(home, "ovl", part), { recursive: true })
  // A copy, so that a build meanwhile does not change it.
  copyFileSync(join(ROOT, "dist/ovl"), join(home, "ovl/dist/ovl"), constants.COPYFILE_FICLONE)
  for (const part of ["labs", "schemas"]) machine.run(["mount", "--bind", join(ROOT, part), join(home, "ovl", part)])
  machine.run(["bash", "-c", AFTER_MAKE_LAB, home])
}

async function runCommand(machine: Machine, shell: Background, command: PageCommand, at: number): Promise<string[]> {
  writeFileSync(machine.file(SCRIPT), `${command.text}\n`)
  // Read by the shell itself, so that variables and functions live on.
  shell.write(`. ${SCRIPT} > ${OUTPUT} 2>&1 < /dev/null; echo "ended ${at} $?"\n`)
  const ended = new RegExp(`^ended ${at} (\\d+)$`, "m")
  await shell.says(ended, COMMAND_TIMEOUT_MS).catch((error: Error) => {
    throw new Error(`line ${command.line}: ${command.text}: ${error.message}: ${machine.read(OUTPUT)}`)
  })
  const status = ended.exec(shell.stdout)![1]!
  const said = machine.read(OUTPUT).trimEnd()
  return [...(said === "" ? [] : said.split("\n").map((line) => line.trimEnd())), ...exitLine(status)]
}

function exitLine(status: string): string[] {
  return status === "0" ? [] : [`(exit ${status})`]
}

function resultOf(command: PageCommand, said: string[]): PageResult {
  const shown = command.output.join("\n").trimEnd()
  return { command, said, same: masked(shown) === masked(said.join("\n")) }
}

/** What is different, for people: with the page's line, and both sides as they are compared. Empty where nothing is. */
export function differences(results: readonly PageResult[]): string {
  return results
    .filter(({ same }) => !same)
    .map(({ command: { line, text, output }, said }) =>
      [`line ${line}: $ ${text}`, "the page:", masked(output.join("\n")), "really:", masked(said.join("\n")), ""].join(
        "\n",
      ),
    )
    .join("\n")
}
