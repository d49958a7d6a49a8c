/** How this program starts itself again: the compiled binary by its own path, a checkout through the Bun that runs it. */
export function selfCommand(args: string[]): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/")
  return compiled ? [process.execPath, ...args] : [process.execPath, Bun.main, ...args]
}
